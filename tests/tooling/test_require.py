"""What is missing is skipped at a user's and fails under CI."""

import pytest

from tests.support.require import require


@pytest.mark.parametrize("ci", ["", "true", "false"])
def test_require_of_something_present_does_nothing(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)
    require("a tool", "unused")


@pytest.mark.parametrize("ci", ["", "0", "false"])
def test_skipped_at_a_users(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.skip.Exception, match="install a tool"):
        require(None, "install a tool")


def test_fails_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install a tool"):
        require(None, "install a tool")
