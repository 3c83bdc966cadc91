"""Just enough of AWS for the request path, by the standard library alone: signing, credentials, HTTP, Parameter Store.

A cold start is what a visitor waits for, and an SDK would make most of it.
"""


class ReadError(Exception):
    """A failed call. ``code`` is AWS's error code, or one of ours: ``connection``, ``timeout``, ``bad-response``,
    ``no-credentials``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
