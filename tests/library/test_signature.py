"""Signature Version 4 as botocore has it."""

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from edgecors.parameters import Credentials, Endpoint, endpoint_for, sign
from hypothesis import given, settings
from hypothesis import strategies as st

BODY_HEADERS = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.GetParameters"}

printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
labels = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
hosts = st.one_of(
    st.lists(labels, min_size=1, max_size=5).map(".".join), st.sampled_from(["127.0.0.1", "[::1]", "[2001:db8::7]"])
)
ports = st.one_of(st.just(""), st.integers(1, 65535).map(lambda port: f":{port}"))
# botocore would encode anything else in a path once more; endpoints have none or a plain prefix.
segments = st.text("abcXYZ019-._~", min_size=1, max_size=8).filter(lambda text: text.strip("."))
paths = st.one_of(st.just(""), st.lists(segments, max_size=3).map(lambda found: "/" + "/".join(found)))
urls = st.builds("{}://{}{}{}".format, st.sampled_from(["http", "https"]), hosts, ports, paths)
times = st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 31)).map(lambda found: found.replace(tzinfo=UTC))
# The blanks within are folded by both.
values = st.lists(printable, min_size=1, max_size=3).map("  ".join)
extra = st.dictionaries(st.from_regex(r"x-amz-[a-z]{1,8}", fullmatch=True), values, max_size=2)


def botocore_signature(
    credentials: Credentials, region: str, url: str, headers: dict[str, str], body: bytes, now: datetime
) -> dict[str, str]:
    """The headers that botocore would send, the host beside them."""
    request = AWSRequest("POST", url, headers=headers, data=body)
    keys = ReadOnlyCredentials(credentials.access_key, credentials.secret_key, credentials.token or None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now.replace(tzinfo=None)):
        SigV4Auth(keys, "ssm", region).add_auth(request)
    return {name.lower(): " ".join(str(value).split()) for name, value in request.headers.items()}


@settings(deadline=None)
@given(
    credentials=st.builds(Credentials, printable, printable, st.one_of(st.just(""), printable)),
    region=st.from_regex(r"[a-z]{2}(-[a-z]{2,8}){1,2}-[1-9]", fullmatch=True),
    url=urls,
    headers=extra,
    body=st.binary(max_size=200),
    now=times,
)
def test_it_equals_botocores(
    credentials: Credentials, region: str, url: str, headers: dict[str, str], body: bytes, now: datetime
) -> None:
    endpoint = Endpoint(url)
    given_headers = {**BODY_HEADERS, **headers}
    signed = sign(
        credentials, region, endpoint.netloc, endpoint.path, given_headers, body, now.replace(microsecond=0).timestamp()
    )
    expected = botocore_signature(credentials, region, url, {**given_headers, "host": endpoint.netloc}, body, now)
    assert {name: " ".join(value.split()) for name, value in signed.items()} == expected


def test_the_clock_may_have_fractions() -> None:
    now = datetime(2026, 3, 1, 23, 59, 59, 999_999, UTC)
    signed = sign(Credentials("AKID", "secret"), "us-east-1", "host", "/", BODY_HEADERS, b"{}", now.timestamp())
    assert signed["x-amz-date"] == "20260301T235959Z"
    later = now + timedelta(microseconds=1)
    signed = sign(Credentials("AKID", "secret"), "us-east-1", "host", "/", BODY_HEADERS, b"{}", later.timestamp())
    assert signed["x-amz-date"] == "20260302T000000Z"


def test_what_is_given_stays_as_it_was() -> None:
    headers = dict(BODY_HEADERS)
    sign(Credentials("AKID", "secret", "token"), "us-east-1", "host", "/", headers, b"{}", 1.0)
    assert headers == BODY_HEADERS


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
def test_an_endpoint_is_read(url: str, secure: bool, host: str, port: int, netloc: str | None, path: str) -> None:
    endpoint = Endpoint(url)
    found = (endpoint.secure, endpoint.host, endpoint.port, endpoint.path)
    assert found == (secure, host, port, path)
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
def test_what_is_no_endpoint_is_said_so(url: str) -> None:
    with pytest.raises(ValueError, match="is no http or https URL"):
        Endpoint(url)


@pytest.mark.parametrize(
    ("region", "environ", "expected"),
    [
        ("us-east-1", {}, "ssm.us-east-1.amazonaws.com"),
        ("cn-north-1", {}, "ssm.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", {}, "ssm.us-gov-west-1.amazonaws.com"),
        ("us-east-1", {"AWS_ENDPOINT_URL": "http://all:1"}, "all:1"),
        ("us-east-1", {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_SSM": "http://ssm:2"}, "ssm:2"),
        ("us-east-1", {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_SSM": ""}, "all:1"),
    ],
)
def test_the_endpoint_of_a_region(region: str, environ: dict[str, str], expected: str) -> None:
    assert endpoint_for(region, environ).netloc == expected
