"""What the container starts."""

import sys

from faceswap_server.runpod.worker import main

sys.exit(main())
