"""insightface itself and the served ensemble, side by side on the same networks and photographs."""
