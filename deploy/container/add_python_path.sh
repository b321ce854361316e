#!/bin/sh
# Makes python3 find packages in DIRECTORY..., before its own: add_python_path.sh DIRECTORY...
# By a .pth file, not by PYTHONPATH: Triton's Python stub runs its interpreter isolated from the environment (seen with
# 24.10 and Python 3.11), and only what the interpreter's own site directory names reaches a model.
set -eu
python3 - "$@" <<'PYTHON'
import site
import sys
from pathlib import Path

directory = Path(site.getsitepackages()[0])
directory.mkdir(parents=True, exist_ok=True)
(directory / "faceswap.pth").write_text(f"import sys; sys.path[0:0] = {sys.argv[1:]!r}\n")
PYTHON
