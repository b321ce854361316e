"""The only place that knows Triton."""
