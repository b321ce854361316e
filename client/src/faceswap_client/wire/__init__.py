"""Wire formats: requests and replies as bytes and JSON, without network I/O."""
