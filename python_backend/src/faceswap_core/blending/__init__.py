"""Paste-back of swapped crops: insightface's exact arithmetic and a fast closed form of it."""
