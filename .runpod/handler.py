"""RunPod's Hub wants a file of this name. The container runs `python -m faceswap_tools.runpod`, and so does this."""

import sys

from faceswap_tools.runpod.worker import main

if __name__ == "__main__":
    sys.exit(main())
