"""Says when a stub repository's step has begun a swap, so that no test has to guess how long that takes."""

from __future__ import annotations

import time
from pathlib import Path

from support.supervised import PATIENCE_S

EXECUTE = "    def execute(self, requests):\n"


class SwapsBegun:
    """Made before the server starts; `seen = begun.count`, ask for a swap, `begun.wait_for(seen + 1)`."""

    def __init__(self, repository: Path) -> None:
        self._file = repository.parent / f"{repository.name}.begun"
        self._file.write_bytes(b"")
        model = repository / "face_swap" / "1" / "model.py"
        text = model.read_text()
        assert text.count(EXECUTE) == 1
        say = f"        with open({str(self._file)!r}, 'ab', buffering=0) as begun:\n            begun.write(b'.')\n"
        model.write_text(text.replace(EXECUTE, EXECUTE + say))

    @property
    def count(self) -> int:
        """Swaps begun so far, those of health checks included."""
        return self._file.stat().st_size

    def wait_for(self, count: int) -> None:
        """Until so many have begun."""
        deadline = time.monotonic() + PATIENCE_S
        while self.count < count:
            assert time.monotonic() < deadline, f"{self.count} swaps have begun, not {count}"
            time.sleep(0.005)
