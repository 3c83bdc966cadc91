"""Real upstream servers and what their applications see of a request path."""
