"""``python -m edgecors_cli``."""

from edgecors_cli.main import main

if __name__ == "__main__":
    main()
