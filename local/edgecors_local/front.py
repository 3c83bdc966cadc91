"""What every front offers. CloudFront's two set-ups are one class; the others come one class each."""

from __future__ import annotations

from typing import Protocol

from edgecors_local.http import Exchange, HttpRequest


class Front(Protocol):
    """A service that turns HTTP into events and back."""

    @property
    def name(self) -> str:
        """As in ``--front`` and on the printed line."""

    async def handle(self, request: HttpRequest) -> Exchange:
        """Answers a request; whatever goes wrong becomes the response that the service would send."""

    async def close(self) -> None:
        """Frees what it holds."""
