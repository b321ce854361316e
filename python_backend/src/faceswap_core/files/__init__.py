"""Files: digests, error messages of a full or read-only disk, the user's cache directory."""
