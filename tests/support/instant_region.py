"""A Region's Parameter Store in memory, which answers at once."""

from collections.abc import Iterable

from edgecors.aws.parameters import Parameter


class InstantRegion:
    """What a `PolicyStore` reads from. Subclasses say what is there: `read`."""

    region = "us-east-1"
    round_trip: float | None = None
    sent = False

    def __init__(self) -> None:
        self._names: list[str] = []

    def read(self, names: list[str]) -> dict[str, Parameter]:
        """The existing ones of these parameters. May raise `ReadError`."""
        raise NotImplementedError

    def begin(self, names: Iterable[str], patience: float) -> None:
        self._names = list(names)

    def poll(self, deadline: float) -> dict[str, Parameter] | None:
        return self.read(self._names)

    def close(self) -> None:
        pass
