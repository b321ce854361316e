"""Benchmarks of the service against insightface: `make bench`."""
