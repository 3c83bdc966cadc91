"""Foreign CORS settings become a policy that is never wider, and nothing is dropped in silence."""

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors.document import load_policy
from edgecors_admin.errors import UsageError
from edgecors_admin.importing import import_text

from tests.cli.conftest import Command

S3_XML = """<?xml version="1.0" encoding="UTF-8"?>
<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <CORSRule>
    <AllowedOrigin>https://a.example.com</AllowedOrigin><AllowedOrigin>https://*.example.org</AllowedOrigin>
    <AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>
    <AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds>
  </CORSRule>
</CORSConfiguration>"""

TABLE: list[tuple[str, str, dict[str, Any], int]] = [
    (
        S3_XML,
        "s3",
        {
            "allow_origins": ["https://a.example.com", "https://*.example.org"],
            "allow_methods": ["GET", "PUT"],
            "allow_headers": "*",
            "expose_headers": ["etag"],
            "max_age": 3000,
        },
        1,  # credentials
    ),
    (
        json.dumps(
            {
                "CORSRules": [
                    {
                        "AllowedOrigins": ["https://a.example.com"],
                        "AllowedMethods": ["GET", "PUT"],
                        "AllowedHeaders": ["*"],
                    },
                    {
                        "AllowedOrigins": ["https://b.example.com"],
                        "AllowedMethods": ["GET"],
                        "AllowedHeaders": ["x-amz-*"],
                    },
                ]
            }
        ),
        "s3",
        {
            "allow_origins": ["https://a.example.com", "https://b.example.com"],
            "allow_methods": ["GET"],
            "allow_headers": [],
            "max_age": 0,
        },
        4,  # PUT and * of the first rule, the pattern of the second, credentials
    ),
    (
        json.dumps(
            [
                {"AllowedOrigins": ["https://a.example.com"], "AllowedMethods": ["PUT"]},
                {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
            ]
        ),
        "s3",
        {"allow_origins": "*", "allow_methods": [], "allow_headers": [], "max_age": 0},
        4,
    ),
    (
        json.dumps(
            {
                "ApiId": "x",
                "CorsConfiguration": {
                    "AllowOrigins": ["https://a.example.com", "https://*", "http://b.example.com"],
                    "AllowMethods": ["GET", "OPTIONS", "TRACE"],
                    "AllowHeaders": ["Content-Type", "Cookie"],
                    "ExposeHeaders": ["*"],
                    "AllowCredentials": True,
                    "MaxAge": -1,
                },
            }
        ),
        "http-api",
        {
            "allow_origins": ["https://a.example.com"],
            "allow_methods": ["GET"],
            "allow_headers": ["content-type"],
            "allow_credentials": True,
            "max_age": 0,
        },
        5,  # https://*, exposed *, http with credentials, TRACE, Cookie
    ),
    (
        json.dumps({"AllowOrigins": ["*"], "AllowCredentials": True}),
        "http-api",
        {"allow_origins": "*", "allow_methods": ["GET", "HEAD", "POST"], "allow_headers": [], "max_age": 0},
        1,
    ),
    (
        json.dumps(
            {
                "ResponseHeadersPolicy": {
                    "Id": "x",
                    "ResponseHeadersPolicyConfig": {
                        "Name": "x",
                        "CorsConfig": {
                            "AccessControlAllowOrigins": {
                                "Quantity": 2,
                                "Items": ["*.example.org", "https://a.example.com"],
                            },
                            "AccessControlAllowHeaders": {"Quantity": 1, "Items": ["*"]},
                            "AccessControlAllowMethods": {"Quantity": 1, "Items": ["ALL"]},
                            "AccessControlAllowCredentials": False,
                            "AccessControlMaxAgeSec": 600,
                            "OriginOverride": False,
                        },
                        "SecurityHeadersConfig": {"FrameOptions": {}},
                    },
                }
            }
        ),
        "cloudfront",
        {
            "allow_origins": ["https://*.example.org", "https://a.example.com"],
            "allow_methods": "*",
            "allow_headers": "*",
            "max_age": 600,
        },
        3,  # http, OriginOverride, SecurityHeadersConfig
    ),
    (
        "service: shop\nprovider:\n  name: aws\n  httpApi:\n    cors:\n      allowedOrigins:\n        - https://a.example.com\n"
        "      allowedHeaders: Content-Type, Authorization\n      allowedMethods: [GET, PUT]\n"
        "      exposedResponseHeaders: [ETag]\n      maxAge: 7200\n"
        "functions:\n  f:\n    handler: !Sub x\n    events:\n      - http: {path: /y, method: get, cors: true}\n",
        "serverless",
        {
            "allow_origins": ["https://a.example.com"],
            "allow_methods": ["GET", "PUT"],
            "allow_headers": ["content-type", "authorization"],
            "expose_headers": ["etag"],
        },
        1,
    ),
    (
        "service: shop\nprovider: {httpApi: {cors: true}}\n",
        "serverless",
        {
            "allow_origins": "*",
            "allow_headers": [
                *("content-type", "x-amz-date", "authorization", "x-api-key"),
                *("x-amz-security-token", "x-amz-user-agent", "x-amzn-trace-id"),
            ],
        },
        1,  # methods of the routes
    ),
]


@pytest.mark.parametrize(("text", "form", "rule", "lost"), TABLE)
def test_import(text: str, form: str, rule: dict[str, Any], lost: int) -> None:
    found = import_text(text)
    assert found.format == form
    assert found.policy == {"version": 1, "rules": [rule]}
    assert len(found.lost) == lost, found.lost
    load_policy(json.dumps(found.policy))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "just: words",
        "service: x\nfunctions: {}\n",
        "<a/>",
        '<!DOCTYPE x [<!ENTITY a "b">]><CORSConfiguration/>',
        "<CORSConfiguration>",
        '[{"AllowedOrigins": 5}]',
        "service: !!python/object/apply:os.system ['true']",
    ],
)
def test_what_can_not_be_read(text: str) -> None:
    with pytest.raises(UsageError):
        import_text(text)


def test_the_command(edgecors: Command, tmp_path: Path) -> None:
    file = tmp_path / "cors.xml"
    file.write_text(S3_XML)
    ran = edgecors("import", str(file))
    assert ran.status == 1
    assert ran.data["rules"][0]["max_age"] == 3000
    assert "not carried over: credentials" in ran.err
    assert edgecors("import", "-", stdin=S3_XML).data == ran.data
    assert edgecors.json("import", str(file))["format"] == "s3"
    assert edgecors("import", str(file), "--format", "http-api").status == 2
    assert edgecors("import", str(tmp_path / "none")).status == 2
