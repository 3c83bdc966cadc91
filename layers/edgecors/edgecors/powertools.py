"""CORS for the event handlers of Powertools for AWS Lambda, in the place of their `CORSConfig`.

    app = cors_for(APIGatewayRestResolver(), site="shop")

`APIGatewayRestResolver`, `APIGatewayHttpResolver`, `LambdaFunctionUrlResolver` and `ALBResolver` are all known.
"""

from __future__ import annotations

import functools

from .decorator import Front

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Any, Protocol, TypeVar

    from .decorator import Store
    from .telemetry import Telemetry

    class Resolver(Protocol):
        """What is used of Powertools' resolvers. Nothing of theirs is imported: any version with these will do."""

        resolve: Callable[..., dict[str, Any]]
        resolve_async: Callable[..., Coroutine[Any, Any, dict[str, Any]]]

    AnyResolver = TypeVar("AnyResolver")


def cors_for(
    app: AnyResolver,
    *,
    site: str | None = None,
    policy: str | Mapping[str, Any] | None = None,
    store: Store | None = None,
    telemetry: Telemetry | None = None,
    raise_errors: bool = False,
) -> AnyResolver:
    """Put CORS around a resolver and return it. The arguments are those of `edgecors.cors`.

    Leave out its ``cors=`` argument: what it sets is removed wherever the policy says something. (While the policy is
    in shadow mode, it is what still holds.)

    Raises TypeError for what is no resolver, ValueError as `edgecors.cors` does.
    """
    # Around `resolve`, not by `app.use`: a middleware would run after those that were added before it, so that their
    # authentication turns preflights away; and it never sees the responses of exception handlers, of validation errors
    # and of `debug`, which are made outside the chain of middlewares.
    resolver: Resolver = app  # type: ignore[assignment]
    inner = getattr(resolver, "resolve", None)
    if not callable(inner):
        raise TypeError(f"cors_for() takes an event handler's resolver; {app!r} has no resolve()")
    front = Front(site=site, policy=policy, store=store, telemetry=telemetry, raise_errors=raise_errors)
    resolve = front.around(inner)

    @functools.wraps(inner)
    def with_cors(event: Any, context: Any) -> Any:
        return resolve(_raw(event), context)

    # On the instance: `app(event, context)` goes through it too.
    resolver.resolve = with_cors
    inner_async = getattr(resolver, "resolve_async", None)
    if inner_async is not None:
        resolver.resolve_async = _around_async(front, inner_async)
    return app


def _around_async(
    front: Front, inner: Callable[..., Coroutine[Any, Any, dict[str, Any]]]
) -> Callable[..., Coroutine[Any, Any, Any]]:
    @functools.wraps(inner)
    async def with_cors(event: Any, context: Any) -> Any:
        exchange = front.open(_raw(event))
        if exchange is None:
            return await inner(event, context)
        if exchange.answer is not None:
            return exchange.answer
        try:
            return exchange.close(await inner(event, context))
        except Exception:
            if front.raise_errors:
                raise
            return exchange.failed()

    return with_cors


def _raw(event: Any) -> Any:
    """The event itself, out of the data class that a resolver also takes."""
    return getattr(event, "raw_event", event)
