"""The template's parameters as arguments. docs/deploy.md describes them. `make generate` writes this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict


class TemplateParameters(TypedDict, total=False):
    """Each is optional, as in the template."""

    front: Literal["edge", "edge-function", "http-api", "rest-api", "function-url", "alb", "layer-only"]
    site: str
    guard: Literal["auto"] | bool
    dashboard: bool
    alarms: bool
    alarm_email: str
    edge_setup: Literal["viewer", "origin", "functions"]
    error_headers: bool
    publish_functions: Literal["auto"] | bool
    origin_type: Literal["custom", "s3", "function-url"]
    origin_domain_name: str
    origin_path: str
    origin_protocol: Literal["https-only", "http-only", "match-viewer"]
    origin_secret_arn: str
    forward_host: bool
    caching: Literal["on", "off"]
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"]
    aliases: Sequence[str] | str
    certificate_arn: str
    minimum_tls: Literal["TLSv1.2_2018", "TLSv1.2_2019", "TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"]
    web_acl_arn: str
    access_log_bucket: str
    distribution_id: str
    distribution_ids: Sequence[str] | str
    upstream: str
    upstreams: str
    upstream_secret_parameter: str
    architecture: Literal["arm64", "x86_64"]
    snap_start: bool
    reserved_concurrency: int
    subnet_ids: Sequence[str] | str
    security_group_ids: Sequence[str] | str
    rest_stage_name: str
    api_access_logs: bool
    gateway_response_origin: str
    root_prefix: str
    replica_regions: Sequence[str] | str
    auto_revert: bool
    secure_string_key_arn: str
    permissions_boundary_arn: str
    role_path: str
    encryption_key_arn: str
    log_retention_days: int
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    tracing: bool
