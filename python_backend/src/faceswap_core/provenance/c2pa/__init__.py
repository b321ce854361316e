"""C2PA manifests: signing of results, and a certificate chain for development."""
