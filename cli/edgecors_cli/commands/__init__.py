"""The commands, one module each. They read options and print; `edgecors_admin` does the work."""
