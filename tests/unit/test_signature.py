"""Signature Version 4, compared with botocore."""

from datetime import UTC, datetime, timedelta
from unittest import mock

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from edgecors.aws.credentials import AccessKey
from edgecors.aws.http1 import Endpoint
from edgecors.aws.sigv4 import sign
from hypothesis import given, settings
from hypothesis import strategies as st

BODY_HEADERS = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.GetParameters"}

printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
labels = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
hosts = st.one_of(
    st.lists(labels, min_size=1, max_size=5).map(".".join), st.sampled_from(["127.0.0.1", "[::1]", "[2001:db8::7]"])
)
ports = st.one_of(st.just(""), st.integers(1, 65535).map(lambda port: f":{port}"))
# botocore encodes any other character of a path a second time; endpoints have no path or a plain prefix.
segments = st.text("abcXYZ019-._~", min_size=1, max_size=8).filter(lambda text: text.strip("."))
paths = st.one_of(st.just(""), st.lists(segments, max_size=3).map(lambda parts: "/" + "/".join(parts)))
urls = st.builds("{}://{}{}{}".format, st.sampled_from(["http", "https"]), hosts, ports, paths)
times = st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 31)).map(lambda time: time.replace(tzinfo=UTC))
# Both fold blanks inside a value.
values = st.lists(printable, min_size=1, max_size=3).map("  ".join)
extra = st.dictionaries(st.from_regex(r"x-amz-[a-z]{1,8}", fullmatch=True), values, max_size=2)


def botocore_signature(
    credentials: AccessKey, region: str, url: str, headers: dict[str, str], body: bytes, now: datetime
) -> dict[str, str]:
    """The headers that botocore would send, host included."""
    request = AWSRequest("POST", url, headers=headers, data=body)
    keys = ReadOnlyCredentials(credentials.access_key, credentials.secret_key, credentials.token or None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now.replace(tzinfo=None)):
        SigV4Auth(keys, "ssm", region).add_auth(request)
    return {name.lower(): " ".join(str(value).split()) for name, value in request.headers.items()}


@settings(deadline=None)
@given(
    credentials=st.builds(AccessKey, printable, printable, st.one_of(st.just(""), printable)),
    region=st.from_regex(r"[a-z]{2}(-[a-z]{2,8}){1,2}-[1-9]", fullmatch=True),
    url=urls,
    headers=extra,
    body=st.binary(max_size=200),
    now=times,
)
def test_sign_any_request_equals_botocore(
    credentials: AccessKey, region: str, url: str, headers: dict[str, str], body: bytes, now: datetime
) -> None:
    endpoint = Endpoint(url)
    all_headers = {**BODY_HEADERS, **headers}
    signed = sign(
        credentials, region, endpoint.netloc, endpoint.path, all_headers, body, now.replace(microsecond=0).timestamp()
    )
    expected = botocore_signature(credentials, region, url, {**all_headers, "host": endpoint.netloc}, body, now)
    assert {name: " ".join(value.split()) for name, value in signed.items()} == expected


def test_sign_clock_with_fractions_is_cut_to_seconds() -> None:
    now = datetime(2026, 3, 1, 23, 59, 59, 999_999, UTC)
    signed = sign(AccessKey("AKID", "secret"), "us-east-1", "host", "/", BODY_HEADERS, b"{}", now.timestamp())
    assert signed["x-amz-date"] == "20260301T235959Z"
    later = now + timedelta(microseconds=1)
    signed = sign(AccessKey("AKID", "secret"), "us-east-1", "host", "/", BODY_HEADERS, b"{}", later.timestamp())
    assert signed["x-amz-date"] == "20260302T000000Z"


def test_sign_headers_argument_is_not_changed() -> None:
    headers = dict(BODY_HEADERS)
    sign(AccessKey("AKID", "secret", "token"), "us-east-1", "host", "/", headers, b"{}", 1.0)
    assert headers == BODY_HEADERS
