"""Load for a local server: what it answers to more requests than it can serve, and input for perf_analyzer."""
