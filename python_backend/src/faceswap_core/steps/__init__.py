"""The three Python steps of the ensembles, as pure functions."""
