"""The `edgecors` command: allowlists, explanations, and a local edge to try them on."""
