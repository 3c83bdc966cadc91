"""What is claimed about speed, size and memory, as a command: `make bench`."""
