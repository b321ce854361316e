"""Soak test: rounds of mixed traffic, and whether memory, descriptors, threads or regions keep growing."""
