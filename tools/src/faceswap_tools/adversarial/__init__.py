"""Adversarial input, made the same way every time: images and requests, each with the outcomes that are allowed."""
