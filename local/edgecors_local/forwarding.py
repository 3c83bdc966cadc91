"""The local edge as a client of the upstream: requests and responses are passed on unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from edgecors_local.errors import LocalError
from edgecors_local.http import Headers, HttpResponse, end_to_end

if TYPE_CHECKING:
    import httpx

RESPONSE_TIMEOUT: Final = 30.0
"""Seconds; CloudFront's default origin response timeout."""
CONNECT_TIMEOUT: Final = 10.0
"""Seconds; CloudFront's default origin connection timeout."""


class UpstreamError(Exception):
    """The upstream gave no response. ``status`` is what CloudFront and API Gateway say then: 502 or 504."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Upstream:
    """An HTTP server to forward to, given as ``http://host[:port][/path]``. A path is put before every request's."""

    def __init__(self, url: str, *, timeout: float = RESPONSE_TIMEOUT) -> None:
        import httpx

        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise LocalError(f"{url!r} is not a URL to forward to: {error}.", 2) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LocalError(f"{url!r} is not a URL to forward to. Write for instance http://127.0.0.1:3000.", 2)
        if "@" in parts.netloc or "?" in url or "#" in url:
            # CloudFront's origins have none of these, and the gateway refuses them.
            raise LocalError(
                f"{url!r} is not a URL to forward to: it has a user, a query or a fragment."
                f" Write {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}.",
                2,
            )
        self.url = url
        self.scheme = parts.scheme
        self.hostname = parts.hostname
        self.port = port or {"http": 80, "https": 443}[parts.scheme]
        self.base_path = parts.path.rstrip("/")
        self.authority = parts.netloc
        # Proxies and .netrc of the environment would change what is sent; redirects are the viewer's business.
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(timeout, connect=CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
        )

    async def fetch(self, method: str, target: str, headers: Headers, body: bytes = b"") -> HttpResponse:
        """Sends exactly these headers (with a ``Host`` among them) and returns the response with its body unchanged,
        not decoded, hop-by-hop headers left out. Raises UpstreamError.
        """
        import httpx

        # A request built by hand carries none of the client's own headers, and `target` goes out unquoted.
        request = httpx.Request(
            method,
            f"{self.scheme}://{self.authority}/",
            headers=[(encode(name), encode(text)) for name, text in headers],
            content=body or None,
            extensions={
                "target": encode(self.base_path + target),
                "timeout": self._client.timeout.as_dict(),
            },
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                raw = b"".join([chunk async for chunk in response.aiter_raw()])
            finally:
                await response.aclose()
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise UpstreamError(504, f"{self.url} did not answer in time.") from error
        except httpx.RemoteProtocolError as error:
            raise UpstreamError(502, f"{self.url} gave no valid response: {_reason(error)}.") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise UpstreamError(502, f"{self.url} can't be reached: {_reason(error)}.") from error
        finally:
            # The client keeps cookies, although a request built by hand never sends them.
            self._client.cookies.clear()
        return HttpResponse(response.status_code, end_to_end(_decoded(response)), raw)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _decoded(response: httpx.Response) -> Headers:
    return tuple((name.decode("latin-1"), text.decode("latin-1")) for name, text in response.headers.raw)


def encode(text: str) -> bytes:
    """Header text as bytes: those it came from, or UTF-8 for what a handler made up."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
