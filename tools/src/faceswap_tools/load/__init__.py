"""Load tests of a local server: overload curve, and input for perf_analyzer."""
