"""What faceswap costs, measured beside what people run today: `make bench`."""
