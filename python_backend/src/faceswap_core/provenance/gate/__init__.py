"""Content gate: a classifier's input and decision, and the gate installed in a model repository."""
