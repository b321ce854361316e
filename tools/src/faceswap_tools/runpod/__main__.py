"""What the container starts."""

import sys

from faceswap_tools.runpod.worker import main

sys.exit(main())
