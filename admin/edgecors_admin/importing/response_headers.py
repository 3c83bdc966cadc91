"""CloudFront response headers policies: ``get-`` and ``list-`` calls, CloudFormation, and the config alone.

https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ResponseHeadersPolicyCorsConfig.html
"""

from __future__ import annotations

from edgecors_admin.importing.documents import ImportedDocument
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.rules import (
    CorsSettings,
    ImportedRule,
    Matching,
    Resource,
    read_credentials,
    read_origins,
    start_resource,
    usable,
)
from edgecors_admin.importing.sections import Section, Value

KEYS = (
    *("AccessControlAllowOrigins", "AccessControlAllowMethods", "AccessControlAllowHeaders"),
    *("AccessControlExposeHeaders", "AccessControlAllowCredentials", "AccessControlMaxAgeSec", "OriginOverride"),
)
_OTHER_SECTIONS = (
    *("SecurityHeadersConfig", "ServerTimingHeadersConfig", "CustomHeadersConfig", "RemoveHeadersConfig"),
    *("security_headers_config", "server_timing_headers_config", "custom_headers_config", "remove_headers_config"),
)
_NEXT_STEP = "Take the CORS part out of the response headers policy: two sources would contradict each other."


def recognise(document: ImportedDocument) -> bool:
    """A policy, its config, or a list of policies."""
    data = document.data
    return isinstance(data, dict) and bool(
        {"ResponseHeadersPolicyList", "ResponseHeadersPolicy", "ResponseHeadersPolicyConfig", "CorsConfig"} & set(data)
    )


def read(value: Value) -> list[Resource]:
    """Every policy of the input that has CORS settings."""
    listed = value.get("ResponseHeadersPolicyList", "Items")
    resources = []
    for policy in listed.items() if listed is not None else [value]:
        if policy.raw("Type") == "managed":
            value.report.locations.add(policy.location)
            continue
        inner = policy.get("ResponseHeadersPolicy") or policy
        config = inner.get("ResponseHeadersPolicyConfig") or inner
        resource = read_config(config, config.name("Name") or "response-headers-policy")
        resources += [resource] if resource is not None else []
    return resources


def read_config(config: Value, name: str) -> Resource | None:
    """The CORS part of one policy; None if it has none."""
    cors = config.get("CorsConfig") or config.get("cors_config")
    if cors is None:
        return None
    if len(items := cors.items()) == 1:
        cors = items[0]
    resource = start_resource(config.report, name, "response headers policy", _NEXT_STEP)
    for other in _OTHER_SECTIONS:
        if config.raw(other) not in (None, [], {}, [{"items": []}]):
            message = "is not about CORS and stays in the response headers policy"
            config.report.note("import-elsewhere", config.child(other).location, message)
    section = cors.section()
    rule = _read_cors(section) if section is not None else None
    resource.rules += [rule] if rule is not None else []
    return resource


def _read_cors(section: Section) -> ImportedRule | None:
    origins = read_origins(_list(section.take("AccessControlAllowOrigins")), Matching.SUBDOMAIN)
    settings = CorsSettings(
        methods=_list(section.take("AccessControlAllowMethods")),
        headers=_list(section.take("AccessControlAllowHeaders")),
        exposed=_list(section.take("AccessControlExposeHeaders")),
        max_age=section.take("AccessControlMaxAgeSec"),
    )
    credentials = read_credentials(section.take("AccessControlAllowCredentials"))
    override = section.take("OriginOverride")
    if not usable(section, origins, credentials, KEYS):
        return None
    if override is not None and override.data is False:
        message = "with OriginOverride false the upstream's own CORS headers win; edgecors always replaces them"
        section.report.note("import-default", override.location, message)
    return settings.rule(section.location, origins, credentials)


def _list(value: Value | None) -> Value | None:
    """The items of ``{"Quantity": 1, "Items": [...]}``; None if there are none."""
    if value is None:
        return None
    inner = value.items()[0] if isinstance(value.data, list) and value.data else value
    return (
        (inner.get("Items") or inner.get("items"))
        if isinstance(inner.data, dict) and inner.unresolved is None
        else value
    )


FORMAT = Format("cloudfront", "a CloudFront response headers policy", recognise, read)
