"""Policies as files: the one reader of every command that takes a file.

A file holds one policy (JSON, YAML, or a plain list in which ``#`` starts a comment), or a bundle: JSON or YAML,
``{"sites": {"<site>": {...} or [...]}, "lists": {"<list>": [...]}}``. A directory has ``sites/<site>`` and
``lists/<list>`` with the endings ``.json``, ``.yaml``, ``.yml`` or ``.txt``, and for each environment (such as
production) the lists that are different there: ``environments/<environment>/lists/<list>``. ``-`` is standard input;
pipes and ``/dev/fd/N`` work as well.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgecors.allowlist import is_name
from edgecors.document import is_json
from edgecors.packing import unpack

from edgecors_admin import json_text
from edgecors_admin.edit import NOBODY
from edgecors_admin.errors import UsageError
from edgecors_admin.yaml_text import parse_yaml

__all__ = ["PolicyFiles", "import_hint", "read_policies", "read_policy_text", "read_text"]

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of one file; four times the largest value that the library reads."""
MAX_RECOGNISED = 256 * 1024
"""Characters of a file that is tried as a configuration of another system; reading YAML is slow."""
ENDINGS = (".json", ".yaml", ".yml", ".txt")

_YAML_LINE = re.compile(r"""\s*(- |-$|---|%YAML|["']?[A-Za-z_$][\w.@$/-]*["']?\s*:(\s|$))""")
_COMMENT = re.compile(r"(^|\s)#.*")


@dataclass
class PolicyFiles:
    """What a file or directory holds, as it would be written to Parameter Store.

    Attributes:
        name: What to call it in messages.
        sites: The policies of a bundle or directory, by site.
        lists: The lists of a bundle or directory, by name.
        single: The policy of a file that holds only one, without a name.
        error: Why the JSON of ``single`` can't be read; empty when it can.
        ignored: The files of a directory that were not read.
        source: The text of a single file, as it was read: a pipe can't be read again.
    """

    name: str
    sites: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    single: str | None = None
    error: str = ""
    ignored: list[str] = field(default_factory=list)
    source: str = ""

    def named(self, site: str | None) -> PolicyFiles:
        """The same with every policy named. Raises `UsageError` unless a single policy, and only that, gets a name."""
        if self.single is None and site is not None:
            names = ", ".join([*self.sites, *(f"@{name}" for name in self.lists)]) or "none"
            raise UsageError(f"--site is for a file with one policy. {self.name} has names for its own: {names}.")
        if self.single is None:
            return self
        if site is None:
            reason = self.error or f"{self.name} holds one policy without a name. Add --site SITE."
            raise UsageError(reason)
        return PolicyFiles(self.name, {site: self.single})

    def policy_of(self, site: str) -> str:
        """The single policy, or a bundle's policy of this site. Raises `UsageError` when there is neither."""
        if self.single is not None:
            return self.single
        if site not in self.sites:
            names = ", ".join(self.sites) or "none"
            raise UsageError(f"{self.name} has no policy of the site {site}. Its sites: {names}.")
        return self.sites[site]


def read_policies(path: str, environment: str | None = None) -> PolicyFiles:
    """Read a directory, a file, or standard input (``-``).

    Args:
        path: what to read.
        environment: whose lists to use, for a directory that has environments.

    Raises:
        UsageError: for what can't be read, and for an environment that is missing.
    """
    if not path:
        raise UsageError("The name of the file is empty.")  # which pathlib reads as the working directory
    if path != "-" and _is_directory(path):
        return _read_directory(Path(path), environment)
    if environment is not None:
        raise UsageError(f"--environment is for a directory with environments/{environment}/lists, not for a file.")
    name = "standard input" if path == "-" else path
    text = read_text(path)
    try:
        files = read_policy_text(text, name, Path(path).suffix)
    except UsageError as error:
        hint = import_hint(text, path)
        raise UsageError(f"{error}\n{hint}" if hint else str(error)) from None
    files.source = text
    return files


def import_hint(text: str, path: str) -> str:
    """How to import a file that is not a policy but a CORS configuration of another system; otherwise empty."""
    from edgecors_admin.importing import recognised_format

    title = recognised_format(text) if len(text) <= MAX_RECOGNISED else ""
    return f"The file looks like {title}. Make a policy from it: edgecors import {shlex.quote(path)}" if title else ""


def read_policy_text(text: str, name: str, ending: str = "") -> PolicyFiles:
    """Read the text of a file.

    An ending says which form the text has, so that a mistake in it never makes a plain list of its words. Without one,
    JSON and YAML are recognised by how they begin.
    """
    try:
        text = unpack(text).replace("\r\n", "\n")
    except ValueError as error:
        raise UsageError(f"{name} can't be read: {error}.") from None
    if not text.strip():
        raise UsageError(f"{name} is empty.")
    ending = ending.lower()
    yaml_ending = ending in (".yaml", ".yml")
    if ending == ".json" or (is_json(text) and not yaml_ending):
        return _read_json(text, name)
    if yaml_ending or (ending != ".txt" and _looks_like_yaml(text)):
        data = parse_yaml(text, name, strict=True)
        if data is None and _plain(text.splitlines()) in (NOBODY, "---"):
            return PolicyFiles(name, single=NOBODY)  # nothing but comments
        return _from_data(data, name)
    if _looks_like_yaml(text):
        raise UsageError(f"{name} looks like YAML, and .txt files hold plain lists. Rename it to .yaml.")
    return PolicyFiles(name, single=_plain(text.splitlines()))


def read_text(path: str) -> str:
    """The text of a file or of standard input (``-``): UTF-8, or UTF-16 with a byte order mark."""
    name = "standard input" if path == "-" else path
    try:
        if path == "-":
            if sys.stdin is None:
                raise UsageError("Standard input is closed.")
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{name} is larger than {MAX_BYTES // 1024 // 1024} MB.")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start] if error.start < len(data) else 0
        raise UsageError(f"{name}, line {line}: byte 0x{byte:02x} is not UTF-8. Save the file as UTF-8.") from None


def _unreadable(name: object, error: OSError | ValueError) -> UsageError:
    return UsageError(f"{name} can't be read: {getattr(error, 'strerror', None) or error}.")


def _is_directory(path: str | Path) -> bool:
    """Whether there is such a directory. Raises `UsageError` where that can't be known, which pathlib may hide."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _files_in(directory: Path) -> list[Path]:
    """The content of a directory, sorted; nothing where there is no such directory."""
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:  # which Path.glob hides: half a directory must not pass for the whole
        raise _unreadable(directory, error) from None


def read_entries(path: str) -> list[str]:
    """The entries of a file (or of standard input, ``-``) that holds a list of origins, as they are written there."""
    files = read_policies(path)
    texts = files.lists.values() if files.single is None else [files.single]
    if files.error:
        raise UsageError(files.error)
    if files.sites or len(texts) != 1 or is_json(text := next(iter(texts))):
        raise UsageError(f"{files.name} has to hold one list of origins: plain, or a JSON or YAML list.")
    return text.replace(",", " ").split()


def _looks_like_yaml(text: str) -> bool:
    return any(_YAML_LINE.match(_COMMENT.sub("", line)) for line in text.splitlines()[:1000])


def _plain(lines: list[str]) -> str:
    """A plain list from lines that may have comments; a comma alone when there is no entry."""
    entries = [entry for line in lines for entry in _COMMENT.sub("", line).replace(",", " ").split()]
    return ",".join(entries) or NOBODY


def _read_directory(path: Path, environment: str | None) -> PolicyFiles:
    files = PolicyFiles(str(path))
    _read_files(path / "sites", files.sites, files)
    _read_files(path / "lists", files.lists, files)
    _read_environment(path, environment, files)
    if not files.sites and not files.lists:
        endings = ", ".join(ENDINGS)
        raise UsageError(f"{path} has no files in sites/ or lists/ that end in {endings}.")
    return files


def _read_files(directory: Path, texts: dict[str, str], files: PolicyFiles) -> None:
    """Add the policies or lists of one directory to ``texts``."""
    names: set[str] = set()
    for file in _files_in(directory):
        if not _is_policy_file(file):
            files.ignored.append(str(file.relative_to(files.name)))
            continue
        if not is_name(file.stem):
            raise UsageError(f"{file}: {file.stem!r} is not a valid name. {_NAMES}")
        if file.stem in names:
            raise UsageError(f"{directory} has two files called {file.stem}. Remove one.")
        names.add(file.stem)
        texts[file.stem] = read_single(read_text(str(file)), file)


def _is_policy_file(file: Path) -> bool:
    is_hidden = file.name.startswith(".") or file.name.endswith(".schema.json")
    return file.suffix.lower() in ENDINGS and not is_hidden


def _read_environment(path: Path, environment: str | None, files: PolicyFiles) -> None:
    """Put the lists of an environment in the place of those that all environments share."""
    directories = {d.name: d for d in _files_in(path / "environments") if _is_directory(d)}
    names = ", ".join(directories)
    if environment is None and directories:
        raise UsageError(f"{path} has environments ({names}). Add --environment NAME.")
    if environment is None:
        return
    if environment not in directories:
        raise UsageError(f"{path} has no environment {environment!r}. Its environments: {names or 'none'}.")
    for directory in directories.values():
        if others := [entry.name for entry in _files_in(directory) if entry.name != "lists"]:
            raise UsageError(
                f"{directory / others[0]}: environments have only lists. Rules are the same everywhere: put them into"
                f" {path / 'sites'}."
            )
    _read_files(directories[environment] / "lists", files.lists, files)
    for other, directory in directories.items():
        for file in filter(_is_policy_file, _files_in(directory / "lists")):
            if file.stem not in files.lists:
                raise UsageError(
                    f"{directories[environment] / 'lists'} has no list {file.stem!r}, which {other} has. Add"
                    f" {file.stem}.txt; a file with only a comment allows nobody."
                )


_NAMES = "Use letters, digits, '_', '.' and '-'."


def files_by_name(directory: Path) -> dict[str, list[Path]]:
    """The files of a directory by the site or list that they hold. Raises `UsageError`."""
    files: dict[str, list[Path]] = {}
    for file in filter(_is_policy_file, _files_in(directory)):
        files.setdefault(file.stem, []).append(file)
    return files


def read_single(text: str, file: Path) -> str:
    """The policy of a file in a directory ``sites``, or the list of a file in another. Raises `UsageError`."""
    if not _is_policy_file(file):
        raise UsageError(f"{file} is not read as a policy: the name starts with a dot, or ends with .schema.json.")
    site = file.parent.name == "sites"
    files = read_policy_text(text, str(file), file.suffix)
    if files.single is None:
        raise UsageError(f"{file} holds a bundle of sites and lists; a file in {file.parent} holds one policy.")
    if not site and files.error:
        raise UsageError(files.error)
    if not site and is_json(files.single):
        raise UsageError(f"{file} holds a policy; a file in {file.parent} holds a list of origins.")
    return files.single


def _read_json(text: str, name: str) -> PolicyFiles:
    """The files of a JSON text. What is invalid is kept with the error if the library reports it as well."""
    try:
        data, repeated = json_text.decode(text)
    except json.JSONDecodeError as error:
        return _invalid(text, name, _describe_json(error, text, name))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        return _invalid(text, name, f"{name} is not valid JSON: {reason}.")
    if repeated:
        raise UsageError("\n".join(json_text.repeated_keys(text, name)))
    if isinstance(data, dict) and not _is_bundle(data):
        return PolicyFiles(name, single=text.strip())  # with its own layout
    return _from_data(data, name)


def _describe_json(error: json.JSONDecodeError, text: str, name: str) -> str:
    """The error in one sentence, with the line it is in."""
    line = text.split("\n")[error.lineno - 1].strip()[:120]  # the module counts line feeds only
    shown = f": {line!r}" if line else ""
    reason = f"{name}, line {error.lineno}, column {error.colno}: not valid JSON, {error.msg}{shown}."
    return f"{reason} JSON has no comments." if text.startswith(("//", "/*", "#"), error.pos) else reason


def _invalid(text: str, name: str, reason: str) -> PolicyFiles:
    if text.lstrip()[:1] not in ("{", "["):
        raise UsageError(reason)  # it is not meant as a document
    return PolicyFiles(name, single=text.strip(), error=reason)


def _is_bundle(data: Mapping[str, Any]) -> bool:
    return "sites" in data or "lists" in data


def _from_data(data: Any, name: str) -> PolicyFiles:
    """A bundle, or a single policy, out of decoded JSON or YAML."""
    if isinstance(data, dict) and _is_bundle(data):
        return _bundle(data, name)
    if isinstance(data, str):
        raise UsageError(f"{name} is {_shown(data)}; it has to be a policy or a list of origins.")
    return PolicyFiles(name, single=_text(data, name, site=True))


def _bundle(data: Mapping[str, Any], name: str) -> PolicyFiles:
    if unknown := sorted(set(data) - {"sites", "lists", "$schema"}):
        raise UsageError(f'{name}: unknown key {unknown[0]!r}. A bundle has the keys "sites" and "lists" only.')
    files = PolicyFiles(name)
    for kind, texts in (("sites", files.sites), ("lists", files.lists)):
        values = data.get(kind)
        if not isinstance(values, Mapping | None):
            raise UsageError(f"{name}: {kind} has to be an object with a name for each of the {kind}.")
        for key, value in (values or {}).items():
            if not is_name(key):
                raise UsageError(f"{name}: {key!r} in {kind} is not a valid name. {_NAMES}")
            texts[key] = _text(value, f"{name}: {kind}.{key}", site=kind == "sites")
    return files


def _text(value: Any, where: str, *, site: bool) -> str:
    """The text that is written to Parameter Store for a decoded policy or list."""
    if isinstance(value, dict) and site:
        return formatted(value)
    if isinstance(value, list):
        for number, entry in enumerate(value):
            if isinstance(entry, str) and _SURROGATE.search(entry):
                raise UsageError(_no_text(f"{where}[{number}]", entry))
            if not isinstance(entry, str):
                remedy = (
                    "Write origins in quotes." if not isinstance(entry, dict) else "Put rules into an object's 'rules'."
                )
                raise UsageError(f"{where}[{number}] is {_shown(entry)}, not a string. {remedy}")
        return _plain(value)
    if isinstance(value, str):
        if is_json(value) and site:
            return without_surrogates(value.strip())
        if _SURROGATE.search(value):
            raise UsageError(_no_text(where, value))
        return _plain(value.splitlines())
    expected = "a policy or a list of origins" if site else "a list of origins"
    raise UsageError(f"{where} is {_shown(value)}; it has to be {expected}.")


_SURROGATE = re.compile("[\ud800-\udfff]")


def formatted(value: object) -> str:
    """A JSON document on several lines, as it is written to files and to Parameter Store."""
    return without_surrogates(json.dumps(value, indent=2, ensure_ascii=False))


def without_surrogates(text: str) -> str:
    """The JSON text with lone surrogates as escapes: they are not valid UTF-8, and the library reports them."""
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _no_text(where: str, value: str) -> str:
    return f"{where} is {_shown(value)}, which has half of a surrogate pair. Write the character itself."


def _shown(value: Any) -> str:
    text = "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else json.dumps(value)
    return text[:80]
