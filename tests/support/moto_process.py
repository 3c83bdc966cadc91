"""The process that ``ParameterStoreServer`` starts: moto's server on a free loopback port.

Prints its address as one line and serves until its standard input ends, so that it can't outlive whoever started it,
however that ends.
"""

import logging
import sys

from moto.server import ThreadedMotoServer


def main() -> None:
    """Serves until standard input is closed."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
