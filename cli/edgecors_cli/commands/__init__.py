"""The subcommands, one module a group. They read options and print; what they do stands in modules of its own."""
