"""Hostile input, made the same way every time: pictures and requests, each with the outcomes that are allowed."""
