"""CORS for the event handlers of Powertools for AWS Lambda, instead of their `CORSConfig`.

    app = cors_for(APIGatewayRestResolver(), site="shop")

It works with `APIGatewayRestResolver`, `APIGatewayHttpResolver`, `LambdaFunctionUrlResolver` and `ALBResolver`.
"""

from __future__ import annotations

import functools

from .decorator import CorsWrapper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Any, Protocol, TypeVar

    from .decorator import Store
    from .telemetry import Telemetry

    class Resolver(Protocol):
        """The methods that are used of Powertools' resolvers. Nothing is imported from there, so any version works."""

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
    """Put CORS around a resolver.

    Leave out the resolver's own ``cors=`` argument: its headers are removed from every managed response. (They remain
    while the policy is in shadow mode.)

    Args:
        app: The resolver, which is changed in place.
        site: As for `edgecors.cors`, like the other arguments.
        policy: As for `edgecors.cors`.
        store: As for `edgecors.cors`.
        telemetry: As for `edgecors.cors`.
        raise_errors: As for `edgecors.cors`.

    Returns:
        The resolver.

    Raises:
        TypeError: ``app`` is not a resolver.
        ValueError: As for `edgecors.cors`.
    """
    # Wrap `resolve` instead of calling `app.use`: a middleware runs after those that were added before it, so their
    # authentication would refuse preflights; and it never sees the responses of exception handlers, of validation
    # errors and of `debug`, which are made outside the chain of middlewares.
    resolver: Resolver = app  # type: ignore[assignment]
    inner = getattr(resolver, "resolve", None)
    if not callable(inner):
        raise TypeError(f"cors_for() takes an event handler's resolver; {app!r} has no resolve()")
    wrapper = CorsWrapper(site=site, policy=policy, store=store, telemetry=telemetry, raise_errors=raise_errors)
    resolve = wrapper.wrap(inner)

    @functools.wraps(inner)
    def with_cors(event: Any, context: Any) -> Any:
        return resolve(_raw_event(event), context)

    # Set on the instance, so `app(event, context)` uses it too.
    resolver.resolve = with_cors
    inner_async = getattr(resolver, "resolve_async", None)
    if inner_async is not None:
        resolve_async = wrapper.wrap_async(inner_async)

        @functools.wraps(inner_async)
        async def with_cors_async(event: Any, context: Any) -> Any:
            return await resolve_async(_raw_event(event), context)

        resolver.resolve_async = with_cors_async
    return app


def _raw_event(event: Any) -> Any:
    """The event itself; a resolver also takes Powertools' data classes."""
    return getattr(event, "raw_event", event)
