"""The guard: checks, copies and reverts allowlists after a change, and watches the edge's Regions."""
