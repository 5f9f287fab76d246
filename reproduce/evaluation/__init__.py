"""From results to metrics, intervals, estimates and verdicts."""
