"""Programs and server settings are recognised by name, with what to do instead."""

from __future__ import annotations

import pytest
from edgecors_admin.errors import UsageError
from edgecors_admin.importing import import_text

SOURCES = {
    "nginx": (
        "location / {\n  add_header 'Access-Control-Allow-Origin' 'https://app.example.com' always;\n}\n",
        "nginx",
    ),
    "ingress": (
        "metadata:\n  annotations:\n    nginx.ingress.kubernetes.io/cors-allow-origin: https://app.example.com\n",
        "nginx",
    ),
    "apache": ('Header always set Access-Control-Allow-Origin "https://app.example.com"\n', "Apache"),
    "iis": (
        '<configuration><cors enabled="true"><add origin="https://app.example.com"/></cors></configuration>',
        "IIS",
    ),
    "caddy": ("app.example.com {\n  header Access-Control-Allow-Origin https://app.example.com\n}\n", "Caddy"),
    "netlify": ("/*\n  Access-Control-Allow-Origin: https://app.example.com\n", "Netlify"),
    "vercel": (
        '{"headers": [{"source": "/(.*)", "headers": [{"key": "Access-Control-Allow-Origin", "value": "*"}]}]}',
        "Vercel",
    ),
    "express": ("const cors = require('cors');\napp.use(cors({origin: 'https://app.example.com'}));\n", "Node.js"),
    "nest": ("app.enableCors({ origin: ['https://app.example.com'] });\n", "Node.js"),
    "fastapi": ("app.add_middleware(CORSMiddleware, allow_origins=['https://app.example.com'])\n", "FastAPI"),
    "flask": ("from flask_cors import CORS\nCORS(app, origins=['https://app.example.com'])\n", "Flask"),
    "django": ("CORS_ALLOWED_ORIGINS = ['https://app.example.com']\n", "Django"),
    "spring": ('@CrossOrigin(origins = "https://app.example.com")\npublic class A {}\n', "Spring"),
    "aspnet": ('policy.WithOrigins("https://app.example.com");\n', "ASP.NET"),
    "rails": ("Rails.application.config.middleware.insert_before 0, Rack::Cors do\nend\n", "Rails"),
    "laravel": ("<?php return ['allowed_origins' => ['https://app.example.com']];\n", "Laravel"),
    "go": ('c := cors.New(cors.Options{AllowedOrigins: []string{"https://app.example.com"}})\n', "Go"),
    "cdk": ("new HttpApi(this, 'Api', { corsPreflight: { allowOrigins: ['https://app.example.com'] } });\n", "CDK"),
    "serverless.ts": (
        "import type { AWS } from '@serverless/typescript';\nconst c: AWS = { provider: {} };\n",
        "serverless.ts",
    ),
    "bicep": ("resource app 'Microsoft.Web/sites@2022-03-01' = {\n  name: 'x'\n}\n", "Bicep"),
    "netlify toml": (
        '[[headers]]\n  for = "/*"\n  [headers.values]\n    Access-Control-Allow-Origin = "*"\n',
        "Netlify",
    ),
    "amplify": (
        "headers:\n  - pattern: '*'\n    headers:\n      - key: Access-Control-Allow-Origin\n        value: '*'\n",
        "Amplify",
    ),
    "response": ("HTTP/2 200\naccess-control-allow-origin: https://app.example.com\n\n", "headers of a response"),
    "google xml": (
        "<CorsConfig><Cors><Origins><Origin>*</Origin></Origins></Cors></CorsConfig>",
        "Google Cloud",
    ),
    "azure xml": ("<StorageServiceProperties><Cors/></StorageServiceProperties>", "Azure"),
    "powertools": (
        'app = Resolver(cors=CORSConfig(allow_origin="https://app.example.com"))\n',
        "Powertools",
    ),
}


@pytest.mark.parametrize(("text", "title"), SOURCES.values(), ids=SOURCES)
def test_import_text_program_or_server_setting_is_named_with_what_to_do(text: str, title: str) -> None:
    with pytest.raises(UsageError) as error:
        import_text(text)
    sentence = str(error.value)
    assert title in sentence
    assert "can't be imported" in sentence
    assert ("edgecors allow SITE https://app.example.com" in sentence) == ("https://app.example.com" in text)


def test_import_text_unknown_format_names_its_keys_about_cors() -> None:
    with pytest.raises(UsageError, match=r"not recognised. It has keys that may be about CORS: spec.http.corsPolicy\."):
        import_text("kind: Route\nspec: {http: {corsPolicy: {allowOrigin: ['https://app.example.com']}}}\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"version": 1, "rules": [{"allow_origins": ["https://app.example.com"]}]}', "plan or apply"),
        ("sites:\n  shop: [https://app.example.com]\n", "plan or apply"),
        ("https://app.example.com https://b.example.com\n", "plain list of origins"),
        ('{"rules": [{"allowed": {"origins": ["*"]}}]}', "not recognised"),
    ],
)
def test_import_text_file_of_edgecors_says_which_command_takes_it(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        import_text(text)
