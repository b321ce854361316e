"""Entry point of `python -m faceswap_server.runpod`."""

import sys

from faceswap_server.runpod.worker import main

sys.exit(main())
