"""Audit log: one line per request with keyed hashes of its images, without personal data."""
