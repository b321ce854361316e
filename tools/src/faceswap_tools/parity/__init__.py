"""Parity with insightface: its own code and the served ensemble on the same networks and photographs."""
