"""Chaos tests: faults injected into a running server, observed by callers and supervisor."""
