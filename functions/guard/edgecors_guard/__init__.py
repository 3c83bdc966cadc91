"""The guard: what happens after somebody has changed an allowlist. One concept a module; ``guard`` has the order."""
