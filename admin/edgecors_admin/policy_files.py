"""Policies as files: a directory, or one file that holds all of them.

A directory has ``sites/<site>.json`` or ``.txt``, and ``lists/<list>.txt``; a file is JSON or YAML,
``{"sites": {"<site>": {...} or [...]}, "lists": {"<list>": [...]}}``. In text files a ``#`` starts a comment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgecors.allowlist import is_name

from edgecors_admin.edit import is_json
from edgecors_admin.errors import UsageError


@dataclass
class PolicyFiles:
    """The texts by name, as they are to stand in Parameter Store."""

    sites: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)


def read_policies(path: Path) -> PolicyFiles:
    """Read a directory or a file. Raises `UsageError` for what is neither, and for names that can't be."""
    if path.is_dir():
        return read_directory(path)
    if not path.is_file():
        raise UsageError(f"There is no file or directory {path}.")
    return _read_file(path)


def read_directory(path: Path) -> PolicyFiles:
    """Read ``sites/*`` and ``lists/*`` below a directory."""
    found = PolicyFiles()
    for kind, texts in (("sites", found.sites), ("lists", found.lists)):
        for file in sorted((path / kind).glob("*")):
            if file.suffix not in (".json", ".txt") or not file.is_file():
                continue
            if not is_name(file.stem):
                raise UsageError(f"{file} names no {kind[:-1]}: letters, digits, _ . and - only.")
            if file.stem in texts:
                raise UsageError(f"{path / kind} has {file.stem} twice, as .json and .txt.")
            text = _read(file)
            texts[file.stem] = text.strip() if file.suffix == ".json" else plain(text.splitlines())
    if not found.sites and not found.lists:
        raise UsageError(f"{path} has neither sites/*.json, sites/*.txt nor lists/*.txt.")
    return found


def plain(lines: list[str]) -> str:
    """A plain list out of lines that may have comments; a comma alone where there is no entry."""
    entries = [entry for line in lines for entry in line.partition("#")[0].replace(",", " ").split()]
    return ",".join(entries) or ","


def _read_file(path: Path) -> PolicyFiles:
    data = load_data(path)
    if not isinstance(data, dict) or not data or set(data) - {"sites", "lists"}:
        raise UsageError(f'{path} has to hold {{"sites": {{...}}, "lists": {{...}}}} and nothing else.')
    found = PolicyFiles()
    for kind, texts in (("sites", found.sites), ("lists", found.lists)):
        values = data.get(kind) or {}
        if not isinstance(values, Mapping):
            raise UsageError(f"{path}: {kind} has to be an object of names.")
        for name, value in values.items():
            if not is_name(str(name)):
                raise UsageError(f"{path}: {name!r} can't be a name: letters, digits, _ . and - only.")
            texts[str(name)] = _text(value, f"{path}: {kind}.{name}", kind == "sites")
    return found


def _text(value: Any, where: str, site: bool) -> str:
    if isinstance(value, dict) and site:
        return json.dumps(value, indent=2, ensure_ascii=False)
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return plain(value)
    if isinstance(value, str):
        return value.strip() if is_json(value) and site else plain(value.splitlines())
    raise UsageError(f"{where} has to be {'a policy or ' if site else ''}a list of origins.")


def load_data(path: Path) -> Any:
    """JSON or YAML of a file. Raises `UsageError` when it is neither."""
    text = _read(path)
    if path.suffix != ".json":
        return parse_yaml(text, str(path))
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}") from None


def parse_yaml(text: str, what: str) -> Any:
    """YAML, plain values only. Raises `UsageError` when it is none."""
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise UsageError(f"{what} is no YAML: {error}") from None


def _loader() -> Any:
    """PyYAML's safe loader, which also bears CloudFormation's tags (``!Ref``): they are kept as text."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Safe: makes nothing but plain values."""

    def tagged(loader: Any, suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return f"!{suffix} {node.value}"
        if isinstance(node, yaml.SequenceNode):
            return [f"!{suffix}", *loader.construct_sequence(node, deep=True)]
        return {f"!{suffix}": loader.construct_mapping(node, deep=True)}

    Loader.add_multi_constructor("!", tagged)
    return Loader


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}") from None
