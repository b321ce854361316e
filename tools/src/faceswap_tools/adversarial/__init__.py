"""Adversarial corpus: deterministic images and requests, each with the outcomes that are allowed."""
