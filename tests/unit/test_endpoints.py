"""Endpoints of Systems Manager in every partition, compared with botocore's endpoint rules."""

import botocore.loaders
import pytest
from botocore.endpoint_provider import EndpointProvider
from edgecors.aws.http1 import Endpoint
from edgecors.aws.parameters import endpoint_for

FIPS, DUAL_STACK = "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"


REGIONS = {"us-east-1", "cn-north-1", "us-gov-east-1", "eusc-de-east-1", "us-iso-east-1", "eu-isoe-west-1"}
UNKNOWN = ["eu-south-9", "cn-east-7", "us-gov-west-7", "us-iso-west-7", "us-isob-west-7", "us-isof-west-7"]


@pytest.mark.parametrize("environ", [{}, {FIPS: "true"}, {DUAL_STACK: "true"}, {FIPS: "TRUE", DUAL_STACK: "True"}])
def test_endpoint_for_every_region_equals_botocore(environ: dict[str, str]) -> None:
    loader = botocore.loaders.Loader()
    partitions = loader.load_data("partitions")
    provider = EndpointProvider(loader.load_service_model("ssm", "endpoint-rule-set-1"), partitions)
    regions = {name for partition in partitions["partitions"] for name in partition["regions"] if "global" not in name}
    assert regions >= REGIONS
    for region in [*regions, *UNKNOWN]:
        expected = provider.resolve_endpoint(
            Region=region, UseFIPS=FIPS in environ, UseDualStack=DUAL_STACK in environ
        ).url
        assert f"https://{endpoint_for(region, environ).netloc}" == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "http://all:1"}, "all:1"),
        ({"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_SSM": "http://ssm:2"}, "ssm:2"),
        ({"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_SSM": ""}, "all:1"),
        ({"AWS_ENDPOINT_URL_SSM": "http://ssm:2", FIPS: "true"}, "ssm:2"),
        ({FIPS: "false", DUAL_STACK: "0"}, "ssm.us-east-1.amazonaws.com"),
    ],
)
def test_endpoint_for_environment_names_an_endpoint_uses_it(environ: dict[str, str], expected: str) -> None:
    assert endpoint_for("us-east-1", environ).netloc == expected


@pytest.mark.parametrize(
    ("url", "secure", "host", "port", "netloc", "path"),
    [
        ("https://ssm.eu-west-1.amazonaws.com", True, "ssm.eu-west-1.amazonaws.com", 443, None, "/"),
        ("http://127.0.0.1:5000", False, "127.0.0.1", 5000, None, "/"),
        ("http://127.0.0.1:5000/", False, "127.0.0.1", 5000, None, "/"),
        ("http://[::1]:5000/aws/ssm", False, "::1", 5000, "[::1]:5000", "/aws/ssm"),
        ("https://[::1]", True, "::1", 443, "[::1]", "/"),
        ("http://localhost", False, "localhost", 80, None, "/"),
    ],
)
def test_endpoint_http_url_is_split(
    url: str, secure: bool, host: str, port: int, netloc: str | None, path: str
) -> None:
    endpoint = Endpoint(url)
    assert (endpoint.secure, endpoint.host, endpoint.port, endpoint.path) == (secure, host, port, path)
    assert endpoint.netloc == (netloc or url.split("/")[2])


@pytest.mark.parametrize(
    "url",
    [
        *("", "/", "ssm.us-east-1.amazonaws.com", "ftp://host", "HTTP://host", "http:/host", "http://", "http:///path"),
        *(
            "http://:80",
            "http://host:",
            "http://host:port",
            "http://host:65536",
            "http://host:-1",
            "http://host:٣",
            "http://user@host",
        ),
    ],
)
def test_endpoint_other_text_raises(url: str) -> None:
    with pytest.raises(ValueError, match="is not an http or https URL"):
        Endpoint(url)
