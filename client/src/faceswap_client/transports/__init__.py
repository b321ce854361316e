"""Transports: KServe v2 over gRPC and over HTTP, and jobs of a RunPod endpoint."""
