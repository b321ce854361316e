"""Adapter for jobs of runpod-worker-inswapper: its `input` fields, its choice of faces, its form of `output`.

Written from that worker's schema and behaviour at version 6.0.23; docs/migrate/from-runpod-worker-inswapper.md is the
page for callers.
"""
