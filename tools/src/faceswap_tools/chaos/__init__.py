"""Breaking a running server on purpose, to see what its callers and its supervisor make of it."""
