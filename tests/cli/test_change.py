"""Others change a parameter in the worst moments: nothing of what they wrote is lost."""

from collections.abc import Callable

import pytest
from edgecors_admin.conditional_write import OverwrittenError, change, check_unchanged, delete, replace
from edgecors_admin.edit import add_to_plain
from edgecors_admin.errors import CommandError
from edgecors_admin.parameter_store import Parameters, ParameterType, Stored

from tests.support.parameter_store import ParameterStoreServer

NAME = "/edgecors/lists/partners"
MINE, THEIRS = "https://mine.example", "https://theirs.example"


class Disturbed(Parameters):
    """Somebody else acts right before the first write reaches Parameter Store: after the last look."""

    disturb: Callable[[], None] | None = None

    def put(self, name: str, text: str, before: Stored | None, new_type: ParameterType = "String") -> Stored:
        disturb, self.disturb = self.disturb, None
        if disturb is not None:
            disturb()
        return super().put(name, text, before, new_type)


def entries(store: ParameterStoreServer) -> list[str]:
    return store.client.get_parameter(Name=NAME)["Parameter"]["Value"].split(",")


def add_mine(text: str) -> str:
    return add_to_plain(text, [MINE])


def agree(old: str, new: str) -> None:
    pass


@pytest.fixture
def parameters(parameter_store: ParameterStoreServer) -> Disturbed:
    return Disturbed(parameter_store.client, "/edgecors")


def test_a_change_between_reading_and_writing_is_seen(
    parameter_store: ParameterStoreServer, parameters: Disturbed
) -> None:
    parameter_store.put(NAME, "https://a.example")
    asked: list[str] = []

    def slow(old: str, new: str) -> None:
        asked.append(new)
        if len(asked) == 1:
            parameter_store.put(NAME, f"https://a.example,{THEIRS}")

    written = change(parameters, NAME, add_mine, slow)
    assert entries(parameter_store) == ["https://a.example", THEIRS, MINE]
    assert asked == [f"https://a.example,{MINE}", f"https://a.example,{THEIRS},{MINE}"]
    assert written.notes == ("version 2 was written meanwhile (read was 1)",)


def test_a_change_in_the_last_moment_is_merged(parameter_store: ParameterStoreServer, parameters: Disturbed) -> None:
    parameter_store.put(NAME, "https://a.example")
    parameters.disturb = lambda: parameter_store.put(NAME, f"https://a.example,{THEIRS}")
    written = change(parameters, NAME, add_mine, agree)
    assert entries(parameter_store) == ["https://a.example", THEIRS, MINE]
    assert written.after is not None
    assert written.after.version == 4
    assert written.notes == ("version 2 was written meanwhile; the change was made again on top of it",)


@pytest.mark.parametrize(
    ("theirs", "version"),
    [
        pytest.param([MINE], 3, id="the same change"),
        # Their text needs no edit, but ours hides it: it is written again.
        pytest.param([MINE, THEIRS], 4, id="the same change and more"),
    ],
)
def test_somebody_made_the_same_change_in_the_last_moment(
    parameter_store: ParameterStoreServer, parameters: Disturbed, theirs: list[str], version: int
) -> None:
    parameter_store.put(NAME, "https://a.example")
    parameters.disturb = lambda: parameter_store.put(NAME, ",".join(["https://a.example", *theirs]))
    written = change(parameters, NAME, add_mine, agree)
    assert entries(parameter_store) == ["https://a.example", *theirs]
    assert written.after is not None
    assert written.after.version == version


@pytest.mark.parametrize("error", [CommandError("Nothing was written."), KeyboardInterrupt()], ids=["no", "Ctrl-C"])
def test_change_that_is_refused_on_top_of_a_hidden_version_gives_it_back(
    parameter_store: ParameterStoreServer, parameters: Disturbed, error: BaseException
) -> None:
    parameter_store.put(NAME, "https://a.example")
    parameters.disturb = lambda: parameter_store.put(NAME, THEIRS)

    def agree_once(old: str, new: str) -> None:
        if THEIRS in old:
            raise error

    with pytest.raises(type(error)):
        change(parameters, NAME, add_mine, agree_once)
    assert entries(parameter_store) == [THEIRS]


def test_somebody_removed_something_in_the_last_moment(
    parameter_store: ParameterStoreServer, parameters: Disturbed
) -> None:
    parameter_store.put(NAME, f"https://a.example,{THEIRS}")
    parameters.disturb = lambda: parameter_store.put(NAME, "https://a.example")
    change(parameters, NAME, add_mine, agree)
    assert entries(parameter_store) == ["https://a.example", MINE]


def test_somebody_creates_it_in_the_last_moment(parameter_store: ParameterStoreServer, parameters: Disturbed) -> None:
    parameters.disturb = lambda: parameter_store.put(NAME, THEIRS)
    written = change(parameters, NAME, add_mine, agree)
    assert entries(parameter_store) == [THEIRS, MINE]
    assert len(written.notes) == 1


def test_somebody_deletes_it_in_the_last_moment(parameter_store: ParameterStoreServer, parameters: Disturbed) -> None:
    parameter_store.put(NAME, "https://a.example")
    parameter_store.put(NAME, "https://b.example")
    parameters.disturb = lambda: parameter_store.delete(NAME)
    written = change(parameters, NAME, add_mine, agree)
    parameter_store.put(NAME, "gone")  # so that it is removed behind the test
    assert written.notes == ("the parameter was deleted meanwhile; it has been created again",)


def test_nothing_to_do_writes_nothing(parameter_store: ParameterStoreServer, parameters: Disturbed) -> None:
    parameter_store.put(NAME, MINE)
    assert change(parameters, NAME, add_mine, agree).after is None
    assert parameter_store.client.get_parameter(Name=NAME)["Parameter"]["Version"] == 1


def test_replacing_a_version_that_is_no_longer_the_newest(
    parameter_store: ParameterStoreServer, parameters: Disturbed
) -> None:
    parameter_store.put(NAME, "https://a.example")
    before = parameters.get(NAME)
    parameter_store.put(NAME, THEIRS)
    with pytest.raises(CommandError, match=r"was not written: version 2 was written meanwhile \(read was 1\)"):
        replace(parameters, NAME, MINE, before, "String")
    assert entries(parameter_store) == [THEIRS]


def test_replacing_in_the_same_moment_says_what_was_replaced(
    parameter_store: ParameterStoreServer, parameters: Disturbed
) -> None:
    parameter_store.put(NAME, "https://a.example")
    parameters.disturb = lambda: parameter_store.put(NAME, THEIRS)
    with pytest.raises(OverwrittenError, match=r"version 2 .* replaced by version 3") as raised:
        replace(parameters, NAME, MINE, parameters.get(NAME), "String")
    assert raised.value.after.version == 3


def test_replacing_what_is_deleted_in_the_same_moment_says_that_it_is_created_again(
    parameter_store: ParameterStoreServer, parameters: Disturbed
) -> None:
    parameter_store.put(NAME, "https://a.example")
    parameters.disturb = lambda: parameter_store.delete(NAME)
    with pytest.raises(OverwrittenError, match="created again as version 1"):
        replace(parameters, NAME, MINE, parameters.get(NAME), "String")
    parameter_store.put(NAME, "gone")  # so that it is removed behind the test


def create_again(parameter_store: ParameterStoreServer) -> None:
    """Delete and create: the version is 1 as before, the value is not."""
    parameter_store.delete(NAME)
    parameter_store.put(NAME, THEIRS)


def test_change_of_a_parameter_that_was_created_again_is_made_on_its_text(
    parameter_store: ParameterStoreServer, parameters: Disturbed
) -> None:
    parameter_store.put(NAME, "https://a.example")
    asked: list[str] = []

    def slow(old: str, new: str) -> None:
        asked.append(new)
        if len(asked) == 1:
            create_again(parameter_store)

    written = change(parameters, NAME, add_mine, slow)
    assert entries(parameter_store) == [THEIRS, MINE]
    assert written.notes == ("the parameter was deleted and created again meanwhile (version 1)",)


def test_replacing_a_parameter_that_was_created_again_is_refused(
    parameter_store: ParameterStoreServer, parameters: Disturbed
) -> None:
    parameter_store.put(NAME, "https://a.example")
    before = parameters.get(NAME)
    create_again(parameter_store)
    with pytest.raises(CommandError, match="deleted and created again meanwhile"):
        replace(parameters, NAME, MINE, before, "String")
    with pytest.raises(CommandError, match=r"Nothing was written.*deleted and created again meanwhile"):
        check_unchanged(parameters, [(NAME, before)])
    assert entries(parameter_store) == [THEIRS]


def test_deleting_what_was_changed_meanwhile_is_refused(
    parameter_store: ParameterStoreServer, parameters: Disturbed
) -> None:
    parameter_store.put(NAME, "https://a.example")
    before = parameters.get(NAME)
    assert before is not None
    parameter_store.put(NAME, THEIRS)
    with pytest.raises(CommandError, match="was not deleted: version 2 was written meanwhile"):
        delete(parameters, before)
    create_again(parameter_store)
    with pytest.raises(CommandError, match="was not deleted: the parameter was deleted and created again"):
        delete(parameters, before)
    assert entries(parameter_store) == [THEIRS]
    parameter_store.delete(NAME)
    with pytest.raises(CommandError, match="was deleted by somebody else"):
        delete(parameters, before)
