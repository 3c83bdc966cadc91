"""The parts of the report: each measures, judges and describes one thing."""
