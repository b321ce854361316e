"""`python -m faceswap_server.doctor`: `faceswap doctor` where the client's command line is not installed."""

from faceswap_server.doctor.command import main

main()
