"""Adapters, one module a source: an event in, a `Request` out; a `Decision` in, the event's form of it out.

`api` tells the sources of API Gateway, function URLs and load balancers apart; an edge function has `cloudfront` only.
Nothing outside this package looks into an event.
"""
