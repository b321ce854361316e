"""`python -m faceswap_tools.debugging`: `faceswap debug` where the command line is not installed."""

from faceswap_tools.debugging.command import main

main()
