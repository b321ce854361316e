"""Tools around the service: model packs, the local server, the demonstration, benchmarks."""
