"""Whatever a policy from a recording allows, the site allowed."""

from __future__ import annotations

import json
from typing import Any

from edgecors.decision import Request, decide
from edgecors.document import load_policy
from edgecors.fetch import SAFELISTED_METHODS
from edgecors_admin.browser import cors_check, preflight_check
from edgecors_admin.errors import UsageError
from edgecors_admin.importing import import_recording
from edgecors_admin.probe import Reply
from edgecors_admin.recording import Observation, Recording, questions
from edgecors_admin.traffic import RecordedTraffic
from hypothesis import given, settings
from hypothesis import strategies as st

ORIGINS = ["https://app.example.com", "https://b.example.org"]


def assert_no_wider(document: Any, recording: Recording) -> None:
    """Whatever was asked and refused, the policy refuses; what it grants, an answer granted."""
    policy = load_policy(json.dumps({**document, "mode": "enforce"}))
    for answer in recording.observations:
        question, reply = answer.question, answer.reply
        if question.request_method in SAFELISTED_METHODS and question.request_header is None:
            continue  # browsers send no such preflight
        for credentials in (False, True):
            if question.request_method is None:
                granted = cors_check(reply.headers, question.origin, credentials).ok
                decision = decide(policy, Request("GET", question.sample, origin=question.origin))
                allowed = cors_check(decision.headers, question.origin, credentials).ok
            else:
                names = [question.request_header] if question.request_header else []
                asked = (question.origin, question.request_method, names, credentials)
                granted = preflight_check(reply.status, reply.headers, *asked).ok
                request = Request(
                    "OPTIONS",
                    question.sample,
                    origin=question.origin,
                    request_method=question.request_method,
                    request_headers=question.request_header,
                )
                decision = decide(policy, request)
                allowed = preflight_check(decision.status or 0, decision.headers, *asked).ok
            assert granted or not allowed, (question, credentials)


def made_paths() -> RecordedTraffic:
    traffic = RecordedTraffic()
    for method, path in (("GET", "/x"), ("PUT", "/x"), ("GET", "/x/{id}"), ("POST", "/x/y"), ("GET", "/x/y/z")):
        traffic.add_request(method, path, ["x-a"])
    return traffic


PATHS, _ = made_paths().combined(10)
QUESTIONS = questions(PATHS, ORIGINS)
NAMES = st.sampled_from(["", "*", "x-a", "x-edgecors-probe", "x-a, x-b", "ECHO"])
REPLIES = st.fixed_dictionaries(
    {
        "origin": st.sampled_from(["", "*", "ECHO", "ECHO", ORIGINS[0], "https://a, https://b"]),
        "credentials": st.sampled_from(["", "", "true"]),
        "methods": st.sampled_from(["", "*", "PUT", "GET, PUT, DELETE", "ECHO"]),
        "headers": NAMES,
        "expose": st.sampled_from(["", "*", "etag"]),
        "status": st.sampled_from([200, 204, 403]),
    }
)


def reply(question: Any, drawn: dict[str, Any]) -> Reply:
    """The drawn answer, with what it echoes."""
    headers = {
        "Access-Control-Allow-Origin": drawn["origin"].replace("ECHO", question.origin),
        "Access-Control-Allow-Credentials": drawn["credentials"],
    }
    if question.request_method is None:
        headers["Access-Control-Expose-Headers"] = drawn["expose"]
    else:
        headers["Access-Control-Allow-Methods"] = drawn["methods"].replace("ECHO", question.request_method)
        headers["Access-Control-Allow-Headers"] = drawn["headers"].replace("ECHO", question.request_header or "")
    return Reply(drawn["status"], tuple((name, value) for name, value in headers.items() if value))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_policy_from_any_recording_allows_nothing_that_was_refused(data: Any) -> None:
    # A few answers for the whole site, as sites have, and some that differ.
    usual = data.draw(st.lists(REPLIES, min_size=1, max_size=3))
    unusual = data.draw(st.dictionaries(st.integers(0, len(QUESTIONS) - 1), REPLIES, max_size=8))
    observations = [
        Observation(question, reply(question, unusual.get(number, usual[len(question.origin) % len(usual)])))
        for number, question in enumerate(QUESTIONS)
    ]
    recording = Recording("https://api.example.com", {path.path: list(path.methods) for path in PATHS}, observations)
    try:
        (site,) = import_recording(recording).sites
    except UsageError:
        return  # nothing was granted
    if site.policy is not None:
        assert_no_wider(site.policy, recording)
