"""The server of `edgecors ui`, without a browser: who is served, what is shown, and what is written."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from edgecors_admin.errors import NotPermittedError
from edgecors_admin.parameter_store import Parameters, Stored
from edgecors_local.ui.page import make_page

from tests.support.locked import lock
from tests.support.parameter_store import ParameterStoreServer

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

PAGE = "http://localhost:8082"
TOKEN = "a-token"
APP = "https://app.example.com"
RULES = [
    {"paths": ["/api/*"], "allow_origins": [APP, "@partners"], "allow_methods": ["GET", "PUT"]},
    {"paths": ["/account/*"], "allow_origins": [APP]},
]
POLICY = json.dumps({"version": 1, "rules": RULES})


class UiClient:
    """Asks the page's server as the page does, or as the arguments say."""

    def __init__(self, store: ParameterStoreServer, reader: SSMClient | None = None) -> None:
        self.store = store
        self._app: Any = make_page(Parameters(reader or store.client, "/edgecors"), 8082, TOKEN)

    def ask(self, path: str, headers: dict[str, str] | None = None, content: Any = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url=PAGE) as client:
                sent = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
                if content is None:
                    return await client.get(path, headers=sent)
                return await client.post(path, headers=sent, json=content)

        return asyncio.run(ask())

    def read(self, path: str) -> Any:
        response = self.ask(path)
        assert response.status_code == 200, response.text
        return response.json()

    def propose(self, kind: str, target: str, **fields: Any) -> Any:
        response = self.ask("/api/propose", content={"change": {"kind": kind, "target": target, **fields}})
        assert response.status_code == 200, response.text
        return response.json()

    def write(self, proposal: Any, kind: str, target: str, *accepted: str, **fields: Any) -> httpx.Response:
        change = {"kind": kind, "target": target, **fields}
        content = {"change": change, "proposal": proposal["id"], "accepted": accepted}
        return self.ask("/api/write", content=content)

    def value(self, name: str) -> str:
        return self.store.client.get_parameter(Name=f"/edgecors/{name}")["Parameter"]["Value"]


@pytest.fixture
def client(parameter_store: ParameterStoreServer) -> Iterator[UiClient]:
    parameter_store.put("/edgecors/lists/partners", "https://partner.example.net")
    parameter_store.put("/edgecors/sites/shop", POLICY)
    yield UiClient(parameter_store)
    parameter_store.delete_below("/edgecors/")


@pytest.fixture
def locked_client(client: UiClient, parameter_store: ParameterStoreServer) -> UiClient:
    """A page whose user may not decrypt one site and one list."""
    for name in ("sites", "lists"):
        parameter_store.put(f"/edgecors/{name}/locked", APP, "SecureString")
    reader = parameter_store.client_in(parameter_store.region)
    lock(reader, ["/edgecors/sites/locked", "/edgecors/lists/locked"])
    return UiClient(parameter_store, reader)


# -- who is served ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "127.0.0.1:8082"}, 200),
        ({"Host": "[::1]:8082", "Origin": "http://[::1]:8082", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "evil.example:8082"}, 421),
        ({"Host": "localhost"}, 421),
        ({"Host": "localhost:8081"}, 421),
        ({"Host": "shop.localhost:8082"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:8081"}, 403),
        ({"Origin": "http://127.0.0.1:8082"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Bearer another"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": "", "Cookie": f"token={TOKEN}"}, 401),
    ],
)
def test_api_serves_its_own_page_only(client: UiClient, headers: dict[str, str], status: int) -> None:
    response = client.ask("/api/overview", headers)
    assert response.status_code == status
    assert ("shop" in response.text) == (status == 200)
    assert not [name for name in response.headers if name.startswith("access-control-")]


def test_write_without_token_writes_nothing(client: UiClient) -> None:
    proposal = client.propose("allow", "shop", origins="https://new.example.com", rule=0)
    change = {"kind": "allow", "target": "shop", "origins": "https://new.example.com", "rule": 0}
    content = {"change": change, "proposal": proposal["id"], "accepted": []}
    assert client.ask("/api/write", {"Authorization": ""}, content).status_code == 401
    assert client.ask("/api/write", {"Origin": "https://evil.example"}, content).status_code == 403
    assert client.value("sites/shop") == POLICY


@pytest.mark.parametrize("path", ["/", "/page.js", "/style.css", "/api/overview", "/api/none", "/nothing"])
def test_every_response_has_the_strict_content_security_policy(client: UiClient, path: str) -> None:
    headers = client.ask(path).headers
    policy = headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "form-action 'none'", "frame-ancestors 'none'"} <= {*policy}
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_page_and_its_modules_are_served_without_inline_code(client: UiClient) -> None:
    page = client.ask("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=", page)
    parts = {*re.findall(r'(?:src|href)="([a-z.]+)"', page)}
    files = [file for file in resources.files("edgecors_local.ui").iterdir() if file.name.endswith(".js")]
    for file in files:
        parts |= {*re.findall(r'from "\./([a-z]+\.js)"', file.read_text())}
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(", file.read_text())
    assert parts == {"icon.svg", "style.css", "page.css", *(file.name for file in files)}
    for part in parts:
        assert client.ask(f"/{part}", {"Authorization": ""}).status_code == 200


@pytest.mark.parametrize("name", ["page.py", "changes.py", "__init__.py", "..%2fserver.py", "%2e%2e/server.py"])
def test_no_other_file_is_served(client: UiClient, name: str) -> None:
    assert client.ask(f"/{name}").status_code == 404


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_overview_lists_sites_lists_and_what_is_missing(client: UiClient) -> None:
    client.store.put("/edgecors/sites/other", '{"version": 1, "rules": [{"allow_origins": ["@gone"]}]}')
    client.store.put("/edgecors/aliases/E1", "none")
    overview = client.read("/api/overview")
    rows = [(row["site"], row["rules"], row["entries"]) for row in overview["sites"]]
    assert rows == [("other", 1, 0), ("shop", 2, 3)]
    assert [(row["list"], row["used_by"]) for row in overview["lists"]] == [("@partners", ["shop"])]
    assert overview["missing_lists"] == {"@gone": ["other"]}
    assert overview["missing_sites"] == {"none": ["E1"]}


def test_details_name_lists_that_do_not_exist_in_their_grant(client: UiClient) -> None:
    grants = [{"allow_origins": ["@gone", "@partners", "@gone"]}, {"allow_origins": [APP]}]
    client.store.put("/edgecors/sites/other", json.dumps({"version": 1, "rules": [{"grants": grants}]}))
    first, second = client.read("/api/details?target=other")["rule_list"][0]["grants"]
    assert (first["missing_lists"], second["missing_lists"]) == (["@gone"], [])
    assert [origin["location"] for origin in first["allow_origins"]] == ["@partners[0]"]


def test_overview_parameters_that_cant_be_decrypted_are_shown_beside_the_others(locked_client: UiClient) -> None:
    overview = locked_client.read("/api/overview")
    assert [(row["site"], row.get("error") is None) for row in overview["sites"]] == [("locked", False), ("shop", True)]
    assert [(row["list"], row["entries"]) for row in overview["lists"]] == [("@locked", None), ("@partners", 1)]
    assert [reason.split(" ")[0] for reason in overview["unreadable"]] == [
        "/edgecors/sites/locked",
        "/edgecors/lists/locked",
    ]
    assert "permit kms:Decrypt on its KMS key" in overview["unreadable"][0]
    details = locked_client.read("/api/details?target=@partners")
    assert (details["used_by"], list(details["unreadable"])) == (["shop"], ["/edgecors/sites/locked"])


def test_details_say_who_may_read_what(client: UiClient) -> None:
    details = client.read("/api/details?target=shop")
    assert [grant["allow_origins"] for rule in details["rule_list"] for grant in rule["grants"]] == [
        [
            {"entry": APP, "location": "rules[0].allow_origins[0]"},
            {"entry": "https://partner.example.net", "location": "@partners[0]"},
        ],
        [{"entry": APP, "location": "rules[1].allow_origins[0]"}],
    ]
    assert json.loads(details["text"]) == json.loads(POLICY)
    assert client.read("/api/details?target=@partners")["used_by"] == ["shop"]


def test_history_and_difference_show_what_a_version_changed(client: UiClient) -> None:
    client.store.put("/edgecors/lists/partners", "https://partner.example.net,https://b.example")
    newest, first = client.read("/api/history?target=@partners")
    assert (newest["version"] - first["version"], newest["origins_added"], newest["origins_removed"]) == (1, 1, 0)
    changed = client.read(f"/api/difference?target=@partners&version={newest['version']}")
    assert [line for line in changed["text"] if line.startswith(("+", "-"))] == ["+https://b.example"]


def test_explain_names_the_near_miss(client: UiClient) -> None:
    result = client.read("/api/explain?target=shop&origin=http://app.example.com&path=/api/a&method=PUT")
    assert result["verdict"]["without_credentials"]["ok"] is False
    assert result["request"]["reason"] == "origin-not-allowed"
    assert result["near_misses"][0]["entry"] == APP
    assert result["request"]["meaning"] != ""


def test_explain_names_the_rules_that_may_decide(client: UiClient) -> None:
    result = client.read(f"/api/explain?target=shop&origin={APP}&path=/api/..;/account/x")
    assert result["candidates"] == [0, 1]
    assert result["notes"] == ["The path can be read in several ways: rules 0 and 1 may decide."]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/details?target=none", 409, "There is no site 'none'"),
        ("/api/details?target=a/b", 400, "is not a valid name"),
        ("/api/difference?target=shop&version=x", 400, "version has to be a version"),
        ("/api/difference?target=shop&version=99", 409, "has no version 99"),
        ("/api/explain?target=shop&origin=", 400, "The origin is empty"),
    ],
)
def test_a_mistake_is_explained(client: UiClient, path: str, status: int, words: str) -> None:
    response = client.ask(path)
    assert (response.status_code, words in response.json()["error"]) == (status, True), response.text


def test_a_team_that_may_use_its_own_list_only_sees_and_changes_it(parameter_store: ParameterStoreServer) -> None:
    parameter_store.put("/edgecors/lists/partners", APP)
    statement = {"Effect": "Allow", "Action": ["ssm:GetParameter", "ssm:PutParameter"], "Resource": "*"}
    credentials = parameter_store.temporary_credentials(statement)
    client = UiClient(parameter_store, parameter_store.client_in(parameter_store.region, credentials))
    response = client.ask("/api/overview")
    assert (response.status_code, "AWS refused GetParametersByPath" in response.json()["error"]) == (403, True)
    assert client.read("/api/scope")["root"] == "/edgecors"
    assert client.read("/api/details?target=@partners")["used_by"] is None
    proposal = client.propose("allow", "@partners", origins="https://b.example")
    assert "were not looked at" in proposal["notes"][0]
    assert client.write(proposal, "allow", "@partners", origins="https://b.example").status_code == 200


# -- what is written --------------------------------------------------------------------------------------------------


def test_allow_writes_what_was_proposed(client: UiClient) -> None:
    change = {"origins": "new.example.com/path\nhttps://b.example.com", "rule": 0}
    proposal = client.propose("allow", "shop", **change)
    assert client.value("sites/shop") == POLICY
    assert proposal["done"] == ["https://new.example.com", "https://b.example.com"]
    assert [entry["given"] for entry in proposal["read_as"]] == ["new.example.com/path"]
    assert {one["who"] for one in proposal["access"]["shop"]["gained"]} == {*proposal["done"]}
    response = client.write(proposal, "allow", "shop", **change)
    assert response.json() == {"version": proposal["version"] + 1}
    assert json.loads(client.value("sites/shop"))["rules"][0]["allow_origins"][2:] == proposal["done"]


def test_write_after_another_version_is_refused(client: UiClient) -> None:
    change = {"origins": "https://new.example.com", "rule": 0}
    proposal = client.propose("allow", "shop", **change)
    other = json.dumps({"version": 1, "rules": [*RULES, {"paths": ["/x"], "allow_origins": [APP]}]})
    client.store.put("/edgecors/sites/shop", other)
    response = client.write(proposal, "allow", "shop", **change)
    assert response.status_code == 409
    assert "was written since you looked at version" in response.json()["error"]
    assert client.value("sites/shop") == other
    # What it shows now can be written.
    assert client.write(response.json()["proposal"], "allow", "shop", **change).status_code == 200


def test_write_after_a_change_of_a_list_that_it_uses_is_refused(client: UiClient) -> None:
    change = {"text": json.dumps({"version": 1, "rules": [{"allow_origins": ["@partners"]}]})}
    proposal = client.propose("replace", "shop", **change)
    client.store.put("/edgecors/lists/partners", "https://partner.example.net,https://b.example")
    response = client.write(proposal, "replace", "shop", **change)
    assert (response.status_code, client.value("sites/shop")) == (409, POLICY)
    assert "depends on another site or list" in response.json()["error"]


def test_change_other_than_the_one_proposed_is_refused(client: UiClient) -> None:
    proposal = client.propose("allow", "shop", origins="https://new.example.com", rule=0)
    response = client.write(proposal, "allow", "shop", origins="https://evil.example", rule=0)
    assert (response.status_code, client.value("sites/shop")) == (409, POLICY)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("allow", {"origins": APP}), ("replace", {"text": APP}), ("revoke", {"origins": APP}), ("delete", {})],
)
def test_change_of_an_alias_is_refused(client: UiClient, kind: str, fields: dict[str, Any]) -> None:
    client.store.put("/edgecors/aliases/E1", "shop")
    response = client.ask("/api/propose", content={"change": {"kind": kind, "target": "E1", **fields}})
    assert response.status_code == 409
    assert "it is an alias of shop" in response.json()["error"]


def test_new_site_that_may_be_an_alias_needs_consent(client: UiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    get = Parameters.get

    def get_without_aliases(self: Parameters, name: str, version: int | None = None) -> Stored | None:
        if "/aliases/" in name:
            raise NotPermittedError("AWS refused it")
        return get(self, name, version)

    monkeypatch.setattr(Parameters, "get", get_without_aliases)
    proposal = client.propose("allow", "E1", origins=APP)
    assert [consent["code"] for consent in proposal["consents"]] == ["alias-unknown"]


WIDE = json.dumps({"version": 1, "rules": [{"allow_origins": "*"}]})


@pytest.mark.parametrize(
    ("kind", "target", "fields", "code"),
    [
        ("allow", "shop", {"origins": "http://plain.example.com", "rule": 1}, "insecure-origin"),
        ("allow", "shop", {"origins": "null", "rule": 1}, "null-origin"),
        ("allow", "@partners", {"origins": "https://*.github.io"}, "public-suffix"),
        ("allow", "shopp", {"origins": APP}, "similar-name"),
        ("replace", "shop", {"text": WIDE}, "widens-to-everyone"),
        ("delete", "shop", {}, "deletion"),
        ("delete", "@partners", {}, "deletion"),
    ],
)
def test_a_risk_needs_consent(client: UiClient, kind: str, target: str, fields: dict[str, Any], code: str) -> None:
    proposal = client.propose(kind, target, **fields)
    assert [consent["code"] for consent in proposal["consents"]] == [code]
    refused = client.write(proposal, kind, target, **fields)
    assert (refused.status_code, "Confirm this first" in refused.json()["error"]) == (400, True)
    assert client.propose(kind, target, **fields)["id"] == proposal["id"]
    assert client.write(proposal, kind, target, code, **fields).status_code == 200


@pytest.mark.parametrize(
    ("target", "text", "code"),
    [
        ("shop", '{"version": 1, "rules": [{"allow_origins": ["https://a.example:99999"]}]}', "origin-bad-port"),
        ("shop", '{"version": 1, "rules": [{"allow_origins": "*", "allow_credentials": true}]}', None),
        ("@partners", "partner.example.net", "origin-no-scheme"),
    ],
)
def test_an_error_is_never_written(client: UiClient, target: str, text: str, code: str | None) -> None:
    proposal = client.propose("replace", target, text=text)
    assert code in [finding["code"] for finding in proposal["refused"]] or code is None
    codes = [consent["code"] for consent in proposal["consents"]]
    response = client.write(proposal, "replace", target, *codes, text=text)
    assert (response.status_code, "Nothing was written" in response.json()["error"]) == (409, True)
    assert client.value("sites/shop") == POLICY


def test_replace_keeps_a_document_on_one_line(client: UiClient) -> None:
    text = client.read("/api/details?target=shop")["text"]
    assert client.propose("replace", "shop", text=text)["changes_nothing"] is True
    edited = text.replace("/account/*", "/accounts/*")
    proposal = client.propose("replace", "shop", text=edited)
    assert client.write(proposal, "replace", "shop", text=edited).status_code == 200
    assert client.value("sites/shop") == POLICY.replace("/account/*", "/accounts/*")


def test_rollback_writes_an_older_version_again(client: UiClient) -> None:
    first = client.read("/api/history?target=shop")[0]["version"]
    client.store.put("/edgecors/sites/shop", APP)
    proposal = client.propose("rollback", "shop", version=first)
    assert client.write(proposal, "rollback", "shop", version=first).json() == {"version": first + 2}
    assert client.value("sites/shop") == POLICY


def test_revoke_and_delete_show_who_loses_access(client: UiClient) -> None:
    revoked = client.propose("revoke", "shop", origins=APP, rule=1)
    assert revoked["access"]["shop"]["lost"] == [{"who": APP, "where": "/account/*"}]
    deleted = client.propose("delete", "@partners")
    assert deleted["access"]["shop"]["lost"] == [{"who": "https://partner.example.net", "where": "/api/*"}]
    assert client.write(deleted, "delete", "@partners", "deletion").json() == {"version": None}
    assert [row["list"] for row in client.read("/api/overview")["lists"]] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "burn", "target": "shop"}, "kind 'burn' is unknown"),
        ({"kind": "allow"}, "target has to be a text"),
        ({"kind": "allow", "target": "a b", "origins": APP}, "is not a valid name"),
        ({"kind": "allow", "target": "shop", "origins": " \n", "rule": 0}, "No origins given"),
        ({"kind": "allow", "target": "shop", "origins": ".*", "rule": 0}, "looks like a regular expression"),
        ({"kind": "allow", "target": "shop", "origins": APP, "rule": "0"}, "rule has to be a whole number"),
        ({"kind": "rollback", "target": "shop"}, "version is missing"),
        ({"kind": "replace", "target": "shop", "text": ""}, "is empty"),
        ({"kind": "replace", "target": "shop", "text": "{"}, "not valid JSON"),
        ({"kind": "replace", "target": "shop", "text": '{"sites": {}, "lists": {}}'}, "without `sites` and `lists`"),
        ("all", "change has to be a JSON object"),
    ],
)
def test_a_change_that_can_t_be_read_is_explained(client: UiClient, change: Any, words: str) -> None:
    response = client.ask("/api/propose", content={"change": change})
    assert (response.status_code, words in response.json()["error"]) == (400, True), response.text
