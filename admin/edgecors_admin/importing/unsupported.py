"""Sources that are recognised by name only: programs and server settings, with what to do instead."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

_ORIGIN = re.compile(r"""https?://[A-Za-z0-9.\-*\[\]:]{1,253}(?=["'\s,;/)\]]|$)""")
MAX_ORIGINS = 5
MAX_SEARCHED = 65536
"""Characters that are looked at."""


@dataclass(frozen=True)
class Unsupported:
    """A kind of source that can't be imported.

    Attributes:
        title: what it is.
        pattern: what its text contains.
        remedy: what to do after the policy is written, or what to import instead.
    """

    title: str
    pattern: re.Pattern[str]
    remedy: str


def _source(title: str, remedy: str, *patterns: str) -> Unsupported:
    return Unsupported(title, re.compile("|".join(patterns)), remedy)


def _settings(title: str, what: str, *patterns: str) -> Unsupported:
    return _source(title, f"Remove {what} once the policy is in place.", *patterns)


SOURCES = (
    _source(
        "a Bicep file", "Run az bicep build and import the template that it writes.", r"resource\s+\w+\s+'Microsoft\."
    ),
    _source("a serverless.ts program", "Run serverless print and import its output.", "@serverless/typescript"),
    _source(
        "a CDK program",
        "Run cdk synth and import the template that it prints.",
        *(r"corsPreflight\s*:", "addCorsPreflight", "defaultCorsPreflightOptions", "addCorsRule"),
    ),
    _source(
        "Google Cloud Storage XML", "Import gcloud storage buckets describe --format=json instead.", "<CorsConfig>"
    ),
    _source("Azure storage XML", "Import az storage cors list instead.", "<StorageServiceProperties"),
    _source("a Flash cross-domain policy", "Browsers no longer read it.", "<cross-domain-policy"),
    _settings(
        "an nginx configuration",
        "the add_header lines",
        *(r"add_header\s+['\"]?Access-Control-", r"nginx\.ingress\.kubernetes\.io/cors", "more_set_headers"),
    ),
    _settings(
        "an Apache configuration",
        "the Header lines",
        r"(?i:header\s+(always\s+)?(set|add|append|echo)\s+['\"]?Access-Control-)",
    ),
    _settings("an IIS configuration", "the CORS settings", r"<cors\s+enabled", "<customHeaders>"),
    _settings(
        "a Caddy, HAProxy or Traefik configuration",
        "its CORS headers",
        *(r"header\s+Access-Control-", r"http-response\s+\S+-header\s+Access-Control-", "accessControlAllowOriginList"),
    ),
    _settings(
        "a Netlify, Vercel or Amplify header file",
        "its CORS headers",
        r"(?m:^[ \t]*Access-Control-Allow-[A-Za-z]+[ \t]*=)",
        *(r"(?m:^[ \t]*/\S*[ \t]*\r?\n[ \t]+Access-Control-)", r"key[\"']?[ \t]*:[ \t]*[\"']?Access-Control-"),
    ),
    _settings(
        "a Node.js program",
        "the cors middleware",
        *(r"app\.use\(\s*cors\(", r"require\(['\"]cors['\"]\)", r"from ['\"]cors['\"]", "@fastify/cors", "@koa/cors"),
        r"enableCors\(",
    ),
    _settings("a FastAPI or Starlette program", "CORSMiddleware", "CORSMiddleware"),
    _settings("a Flask program", "flask_cors", "flask_cors", r"\bCORS\(\s*app", "@cross_origin"),
    _settings("Django settings", "django-cors-headers", r"CORS_(ALLOWED|ALLOW|ORIGIN)_", "corsheaders"),
    _settings(
        "a Spring program",
        "Spring's CORS settings",
        *("@CrossOrigin", "addCorsMappings", "CorsRegistry", "CorsConfigurationSource", "setAllowedOrigins"),
        *(r"globalcors", r"spring\.cloud\.gateway"),
    ),
    _settings("an ASP.NET program", "UseCors", r"\.WithOrigins\(", r"AddCors\(", r"UseCors\("),
    _settings("a Rails program", "Rack::Cors", "Rack::Cors", "rack-cors"),
    _settings("a Laravel configuration", "HandleCors", r"['\"]allowed_origins['\"]\s*=>"),
    _settings("a Go program", "the cors middleware", r"Allow(ed)?Origins:\s*\[\]string", "rs/cors", "gin-contrib/cors"),
    _source(
        "the headers of a response",
        "Or compare the site with a policy: edgecors probe URL --site SITE.",
        r"(?im:^[<> \t]*access-control-allow-origin[ \t]*:)",
    ),
    _settings("a Powertools or Chalice handler", "its CORSConfig", r"CORSConfig\("),
)
"""The first that matches counts, so the more special ones come first."""


def describe_unsupported(text: str) -> str | None:
    """A sentence about a source that can't be imported; None if it is not even recognised."""
    text = text[:MAX_SEARCHED]
    source = next((source for source in SOURCES if source.pattern.search(text)), None)
    if source is None:
        return None
    origins = list(dict.fromkeys(match.group().rstrip(".:") for match in _ORIGIN.finditer(text)))[:MAX_ORIGINS]
    command = f"edgecors allow SITE {shlex.join(origins)}" if origins else "edgecors allow SITE ORIGIN"
    return (
        f"This looks like {source.title}, which can't be imported. Write the policy by hand: {command}. {source.remedy}"
    )
