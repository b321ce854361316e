"""RunPod's Hub wants a file of this name. The container runs `python -m faceswap_server.runpod`, and so does this."""

import sys

from faceswap_server.runpod.worker import main

if __name__ == "__main__":
    sys.exit(main())
