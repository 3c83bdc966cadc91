"""The embedded Parameter Store: moto's server on a free loopback port, filled with a policy."""

from __future__ import annotations

import json
import logging
from typing import Any, Final

REGION: Final = "us-east-1"
CREDENTIAL: Final = "demo"
"""Access key id and secret of the embedded store; it takes any."""

DEMO_SITE: Final = "demo"
DEMO_SITE_PARAMETER: Final = "/edgecors/sites/demo"
DEMO_LIST_PARAMETER: Final = "/edgecors/lists/demo"
DEMO_LIST: Final = ("http://app.localhost:*", "https://app.example.com", "https://*.shop.example.com")
DEMO_REFRESH_SECONDS: Final = 5

DEMO_POLICY: Final[dict[str, Any]] = {
    "version": 1,
    "refresh_seconds": DEMO_REFRESH_SECONDS,
    "rules": [
        {
            "paths": ["/api/*", "/cached/*"],
            "allow_origins": ["@demo"],
            "allow_methods": ["GET", "POST", "PUT", "DELETE"],
            "allow_headers": ["content-type", "authorization", "x-demo"],
            "expose_headers": ["x-request-id"],
            "allow_credentials": True,
            # Short, so that a change of the list shows in a browser that has asked before.
            "max_age": 5,
            "debug": True,
        },
        {
            "paths": ["/fonts/*", "/images/*", "/public/*"],
            "allow_origins": "*",
            "max_age": 5,
            "resource_policy": "cross-origin",
        },
    ],
}
"""Two rules; no other path is managed, so that there the upstream's own mistakes reach the browser."""


class EmbeddedStore:
    """A Parameter Store that lives as long as this process; `close` ends it. Any credentials are good."""

    def __init__(self) -> None:
        import boto3
        from botocore.config import Config
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self._client = boto3.client(
            "ssm",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=CREDENTIAL,
            aws_secret_access_key=CREDENTIAL,
            config=Config(proxies={}, retries={"total_max_attempts": 1}),
        )

    def put(self, name: str, text: str) -> None:
        """Writes a parameter, as a String of whatever tier its length needs."""
        self._client.put_parameter(Name=name, Value=text, Type="String", Overwrite=True, Tier="Intelligent-Tiering")

    def put_demo(self) -> None:
        """Writes the demonstration's policy and list."""
        self.put(DEMO_LIST_PARAMETER, ",".join(DEMO_LIST))
        self.put(DEMO_SITE_PARAMETER, json.dumps(DEMO_POLICY))

    def environment(self) -> dict[str, str]:
        """The environment variables with which anything of AWS reaches this store."""
        return {
            "AWS_ENDPOINT_URL_SSM": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        }

    def close(self) -> None:
        """Ends the server and its thread."""
        self._client.close()
        self._server.stop()
        # moto leaves the listening socket to the end of the process.
        listening = self._server._server
        if listening is not None:
            listening.server_close()
