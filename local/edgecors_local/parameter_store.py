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
    """A Parameter Store that lives as long as this process; `close` ends it. It accepts any credentials.

    Args:
        host: the address to listen on.

    Attributes:
        endpoint: its URL.
        port: its port, chosen among the free ones.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        import boto3
        from botocore.config import Config
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(host, port=0, verbose=False)
        self._server.start()
        _, self.port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{self.port}"
        self._session = boto3.Session(CREDENTIAL, CREDENTIAL, region_name=REGION)
        self._config = Config(proxies={}, retries={"total_max_attempts": 1})
        self._client = self._session.client("ssm", endpoint_url=self.endpoint, config=self._config)

    def put(self, name: str, text: str) -> None:
        """Writes a parameter, as a String of whatever tier its length needs."""
        self._client.put_parameter(Name=name, Value=text, Type="String", Overwrite=True, Tier="Intelligent-Tiering")

    def create_topic(self, name: str) -> str:
        """Creates an SNS topic beside the parameters and returns its ARN; the guard publishes its notices to it."""
        client = self._session.client("sns", endpoint_url=self.endpoint, config=self._config)
        try:
            arn: str = client.create_topic(Name=name)["TopicArn"]
        finally:
            client.close()
        return arn

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
