"""`probe --record` and `import --from-live` against sites whose CORS headers Starlette's middleware makes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from edgecors_admin.importing import import_recording
from edgecors_admin.probe import STRANGER, Reply
from edgecors_admin.recording import ANYBODY, KNOWN, Observation, Question, Recording, read_recording

from tests.cli.conftest import Command
from tests.importing.test_live_never_wider import assert_no_wider
from tests.support.live_site import make_site, serve

APP, ADMIN, OTHER = "https://app.example.com", "https://admin.example.com", "https://other.test"
SETTINGS: dict[str, Any] = {
    "allow_origins": [APP, ADMIN],
    "allow_methods": ["GET", "POST", "PUT"],
    "allow_headers": ["content-type", "if-match"],
    "allow_credentials": True,
    "expose_headers": ["etag"],
    "max_age": 600,
}


def recorded(edgecors: Command, url: str, tmp_path: Path, *origins: str, sources: tuple[str, ...] = ()) -> str:
    """Record a site from its own description; the file."""
    file = str(tmp_path / "today.json")
    options = [word for origin in origins for word in ("--origin", origin)]
    options += [word for source in (sources or (f"{url}/openapi.json",)) for word in ("--from", source)]
    ran = edgecors("probe", url, "--record", file, *options)
    assert ran.status == 0, ran.err
    return file


def imported(edgecors: Command, file: str) -> tuple[Any, list[str]]:
    """The document, and the codes of the findings about the live site."""
    answer = edgecors.json("import", "--from-live", file)
    return answer["document"], [f["code"] for f in answer["findings"] if f["code"].startswith("live-")]


def test_record_description_gives_policy_of_listed_origins(edgecors: Command, tmp_path: Path) -> None:
    with serve(make_site(**SETTINGS)) as url:
        file = recorded(edgecors, url, tmp_path, APP, ADMIN, OTHER)
    document, codes = imported(edgecors, file)
    assert document["mode"] == "shadow"
    assert [rule["paths"] for rule in document["rules"]] == [["/api/orders/*"], ["/api/orders"]]
    for rule in document["rules"]:
        assert sorted(rule["allow_methods"]) == ["GET", "HEAD", "POST", "PUT"]
        # Starlette adds the safelisted names to those of its settings.
        safelisted = ["accept", "accept-language", "content-language"]
        assert sorted(rule["allow_headers"]) == [*safelisted, "content-type", "if-match"]
        assert (rule["allow_origins"], rule["allow_credentials"]) == ([APP, ADMIN], True)
        assert (rule["expose_headers"], rule["max_age"]) == (["etag"], 600)
    assert codes == []


ANY_ORIGIN = {"allow_origins": ["*"]}


@pytest.mark.parametrize(
    ("change", "codes", "origins"),
    [
        pytest.param(ANY_ORIGIN, ["live-any-origin"], [APP], id="any-with-credentials"),
        pytest.param({**ANY_ORIGIN, "allow_credentials": False}, [], "*", id="star"),
        pytest.param({"allow_origins": [], "allow_origin_regex": ".*"}, ["live-any-origin"], [APP], id="reflected"),
        pytest.param({"allow_headers": ["*"]}, ["live-any-header"], [APP], id="any-header"),
        pytest.param(
            {"allow_origins": [], "allow_origin_regex": r"https://.*\.example\.com"},
            ["live-subdomains"],
            [APP],
            id="subdomains",
        ),
        pytest.param(
            {"allow_origins": [], "allow_origin_regex": r"https://.*example\.com"},
            ["live-subdomains", "live-lookalike-origin"],
            [APP],
            id="suffix-without-dot",
        ),
        pytest.param(
            {"allow_origins": [], "allow_origin_regex": r"https://app.example.com.*"},
            ["live-lookalike-origin"],
            [APP],
            id="prefix",
        ),
        pytest.param({"allow_origins": [APP, "null"]}, ["live-null-origin"], [APP], id="null"),
    ],
)
def test_import_careless_site_reports_what_it_does_not_copy(
    edgecors: Command, tmp_path: Path, change: dict[str, Any], codes: list[str], origins: Any
) -> None:
    with serve(make_site(**{**SETTINGS, **change})) as url:
        file = recorded(edgecors, url, tmp_path, APP)
    document, reported = imported(edgecors, file)
    assert reported == codes
    assert {json.dumps(rule["allow_origins"]) for rule in document["rules"]} == {json.dumps(origins)}
    assert_no_wider(document, read_recording(Path(file).read_text(encoding="utf-8"), file))


def observed(*answers: tuple[Any, ...]) -> Recording:
    """A recording of one path, /x, for GET and PUT, from (role, origin, request method, status, headers)."""
    observations = [
        Observation(Question("/x", "/x", origin, role, method), Reply(status, tuple(headers.items())))
        for role, origin, method, status, headers in answers
    ]
    return Recording("https://api.example.com", {"/x": ["GET", "PUT"]}, observations)


def allow(origin: str, **more: str) -> dict[str, str]:
    headers = {"Access-Control-Allow-Origin": origin}
    return headers | {f"Access-Control-{name.replace('_', '-').title()}": value for name, value in more.items()}


@pytest.mark.parametrize(
    ("recording", "policy", "codes"),
    [
        pytest.param(
            observed((KNOWN, APP, None, 200, {}), (KNOWN, APP, "PUT", 204, allow(APP, allow_methods="PUT"))),
            None,
            ["live-responses-without-headers", "import-no-origins"],
            id="preflights-without-readable-responses",
        ),
        pytest.param(
            observed((KNOWN, APP, None, 401, {}), (KNOWN, APP, "PUT", 204, allow(APP, allow_methods="PUT"))),
            None,
            ["live-responses-without-headers", "import-no-origins"],
            id="error-without-headers",
        ),
        pytest.param(
            observed(
                (KNOWN, APP, None, 200, allow(APP, allow_credentials="true")),
                (KNOWN, APP, "PUT", 204, allow(APP, allow_methods="PUT")),
            ),
            {"allow_origins": [APP], "allow_methods": ["GET", "HEAD", "PUT"], "allow_headers": []},
            ["import-narrower"],
            id="credentials-in-some-answers",
        ),
        pytest.param(
            observed(
                (KNOWN, APP, None, 200, allow(APP, allow_credentials="true")),
                (KNOWN, APP, "PUT", 204, allow(APP, allow_credentials="true", allow_methods="*")),
            ),
            {
                "allow_origins": [APP],
                "allow_methods": ["GET", "HEAD"],
                "allow_headers": [],
                "allow_credentials": True,
            },
            ["import-narrower"],
            id="star-method-with-credentials",
        ),
        pytest.param(
            observed(
                (KNOWN, APP, None, 200, allow("*", allow_credentials="true")),
                (ANYBODY, STRANGER, None, 200, allow("*", allow_credentials="true")),
            ),
            {"allow_origins": [APP], "allow_methods": ["GET", "HEAD"], "allow_headers": []},
            ["live-wildcard-with-credentials"],
            id="star-with-credentials",
        ),
        pytest.param(
            observed((KNOWN, APP, None, 200, allow(APP, expose_headers="*")), (KNOWN, APP, "PUT", 204, {})),
            {"allow_origins": [APP], "allow_methods": ["GET", "HEAD"], "allow_headers": []},
            ["import-narrower"],
            id="exposes-everything",
        ),
    ],
)
def test_import_unusual_answers_are_narrowed_and_reported(recording: Recording, policy: Any, codes: list[str]) -> None:
    imported = import_recording(recording)
    expected = (
        {"version": 1, "mode": "shadow", "rules": [{"paths": ["/x"], **policy, "max_age": 5}]} if policy else None
    )
    assert imported.sites[0].policy == expected
    assert [finding.code for finding in imported.findings] == codes


CLOUDFRONT_LOG = (
    "#Version: 1.0\n"
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)\n"
    f"2026-11-20\t10:00:00\tFRA1\t1\t192.0.2.1\tGET\td1.example\t/api/orders/17\t200\t{APP}/cart%3Fa=1\n"
    "2026-11-20\t10:00:01\tFRA1\t1\t192.0.2.1\tPUT\td1.example\t/api/orders/17\t204\t-\n"
    f"2026-11-20\t10:00:02\tFRA1\t1\t192.0.2.9\tGET\td1.example\t/wp-login.php\t404\t{OTHER}/\n"
)
ALB_LOG = (
    "h2 2026-11-20T10:00:00.1Z app/lb/1 192.0.2.1:2817 10.0.0.1:80 0.0 0.0 0.0 200 200 34 366"
    ' "PUT https://shop.example:443/api/orders/17?x=1 HTTP/2.0" "Mozilla" - -\n'
    "h2 2026-11-20T10:00:00.1Z app/lb/1 192.0.2.1:2817 10.0.0.1:80 0.0 0.0 0.0 404 404 34 366"
    ' "GET https://shop.example:443/.env HTTP/2.0" "Mozilla" - -\n'
)
COMBINED_LOG = f'192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] "GET /api/orders/17 HTTP/1.1" 200 5 "{ADMIN}/x" "Mozilla"\n'


@pytest.mark.parametrize(
    ("content", "origins", "methods"),
    [
        pytest.param(CLOUDFRONT_LOG.encode(), {APP}, ["GET", "PUT"], id="cloudfront"),
        pytest.param(gzip.compress(CLOUDFRONT_LOG.encode()), {APP}, ["GET", "PUT"], id="cloudfront-gzip"),
        pytest.param(ALB_LOG.encode(), set(), ["PUT"], id="load-balancer"),
        pytest.param(COMBINED_LOG.encode(), {ADMIN}, ["GET"], id="combined"),
        pytest.param(f"# who\n{APP}\nPUT /api/orders/17\nx-trace:\n".encode(), {APP}, ["PUT"], id="lines"),
    ],
)
def test_record_reads_source(
    edgecors: Command, tmp_path: Path, content: bytes, origins: set[str], methods: list[str]
) -> None:
    source = tmp_path / "logs" / "source"
    source.parent.mkdir()
    source.write_bytes(content)
    with serve(make_site(**SETTINGS)) as url:
        file = recorded(edgecors, url, tmp_path, sources=(str(source.parent),))
    recording = read_recording(Path(file).read_text(encoding="utf-8"), file)
    assert recording.methods == {"/api/orders/17": methods}
    assert {o.question.origin for o in recording.observations if o.question.role == KNOWN} == origins


def test_record_templates_of_description_take_paths_of_logs(edgecors: Command, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(CLOUDFRONT_LOG, encoding="utf-8")
    with serve(make_site(**SETTINGS)) as url:
        file = recorded(edgecors, url, tmp_path, sources=(str(tmp_path / "log"), f"{url}/openapi.json"))
    recording = read_recording(Path(file).read_text(encoding="utf-8"), file)
    assert sorted(recording.methods) == ["/api/orders", "/api/orders/{id}"]
    assert {o.question.sample for o in recording.observations if "{" in o.question.path} == {"/api/orders/17"}
    assert {o.question.request_header for o in recording.observations if "{" in o.question.path} >= {"if-match"}


def test_record_sends_only_get_and_options(edgecors: Command, tmp_path: Path) -> None:
    methods = set()

    async def site(scope: Any, receive: Any, send: Any) -> None:
        methods.add(scope["method"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    (tmp_path / "lines").write_text(f"{APP}\nDELETE /x\nPOST /x\nGET /y\n", encoding="utf-8")
    with serve(site) as url:
        file = recorded(edgecors, url, tmp_path, sources=(str(tmp_path / "lines"),))
    assert methods == {"GET", "OPTIONS"}
    ran = edgecors("import", "--from-live", file)
    assert (ran.status, ran.out) == (2, "")
    assert "granted nothing to any probed origin" in ran.err


def test_record_to_a_hyphen_is_printed_and_imported_from_a_pipe(
    edgecors: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serve(make_site(**SETTINGS)) as url:
        ran = edgecors("probe", f"{url}/api/orders", "--record", "-", "--origin", APP)
    assert ran.status == 0
    assert read_recording(ran.out, "-").url == url
    assert "next: edgecors import --from-live -" in ran.err
    assert list(tmp_path.iterdir()) == []
    assert APP in edgecors("import", "--from-live", "-", stdin=ran.out).out


def test_record_names_its_file_as_a_shell_takes_it(
    edgecors: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serve(make_site(**SETTINGS)) as url:
        ran = edgecors("probe", url, "--record", "to day.json", "--origin", APP)
    assert "edgecors import --from-live 'to day.json'" in ran.out


def test_record_log_that_is_not_valid_gzip_is_said_in_a_sentence(edgecors: Command, tmp_path: Path) -> None:
    log = tmp_path / "log.gz"
    log.write_bytes(gzip.compress(b"/api/x\n" * 100)[:10] + b"\xff" * 40)
    ran = edgecors("probe", "http://127.0.0.1:1", "--record", "-", "--from", str(log))
    assert ran.status == 2
    assert f"{log} can't be read: " in ran.err


def test_record_json_counts_what_was_asked(edgecors: Command, tmp_path: Path) -> None:
    file = str(tmp_path / "r.json")
    with serve(make_site(**SETTINGS)) as url:
        answer = edgecors.json("probe", f"{url}/api/orders", "--record", file, "--origin", APP)
    assert answer == {
        "url": url,
        "requests": 12,
        "origins": 1,
        "paths": 1,
        "unasked_paths": 0,
        "failed": 0,
        "file": file,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("http://127.0.0.1:9/x", "--record", "-x-", "--site", "shop"), "--record needs no policy"),
        (("http://127.0.0.1:9/x", "--record", "-x-", "--from", "/no/such"), "can't be read: No such file"),
        (("http://127.0.0.1:9/x", "--record", "-x-", "--from", "http://other.test/a"), "is not a URL of"),
        (("http://127.0.0.1:9/x", "--record", "-x-", "--origin", "app.example.com"), "is not an origin"),
        (("http://127.0.0.1:9/x", "--origin", APP), "belong to --record FILE"),
    ],
)
def test_record_called_wrongly_says_what_to_write(edgecors: Command, arguments: tuple[str, ...], message: str) -> None:
    ran = edgecors("probe", *arguments)
    assert ran.status == 2
    assert message in ran.err


def test_record_site_without_answer_fails(edgecors: Command, tmp_path: Path) -> None:
    ran = edgecors("probe", "http://127.0.0.1:9/x", "--record", str(tmp_path / "r"), "--origin", APP)
    assert ran.status == 1
    assert "does not respond" in ran.err


def test_record_line_that_is_not_traffic_is_reported(edgecors: Command, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text(f"{APP}\nGET api/x\n", encoding="utf-8")
    ran = edgecors("probe", "http://127.0.0.1:9/", "--record", "x", "--from", str(tmp_path / "lines"))
    assert ran.status == 2
    assert "line 2: 'GET api/x' is not understood" in ran.err


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "edgecors-recording"}'])
def test_import_file_that_is_not_a_recording_is_refused(edgecors: Command, tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text, encoding="utf-8")
    ran = edgecors("import", "--from-live", str(tmp_path / "r.json"))
    assert ran.status == 2
    assert "is not a recording" in ran.err
