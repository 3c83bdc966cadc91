"""Adapters, one module a source: an event in, a `Request` out; a `Decision` in, the event's form of it out.

Nothing outside this package looks into an event.
"""
