"""Reads as much of a CloudFormation template as the local edge needs: parameters, conditions, `If` and `Ref`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgecors_local.errors import LocalError

_NO_VALUE: Final = object()


class Template:
    """A template with its parameters chosen. What can't be resolved here (attributes, exports) stands as ``None``."""

    def __init__(self, path: Path, document: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self.path = path
        self._parameters = parameters
        self._conditions: Mapping[str, Any] = document.get("Conditions", {})
        self._resources: Mapping[str, Mapping[str, Any]] = document.get("Resources", {})

    @classmethod
    def read(cls, path: Path, choices: Mapping[frozenset[str], str]) -> Template:
        """Reads a YAML or JSON template. ``choices`` says what a parameter is whose allowed values are exactly these;
        the others have their defaults. Raises LocalError when the file can't be read.
        """
        document = read_document(path)
        parameters = {
            name: choices.get(frozenset(map(str, declared.get("AllowedValues", ()))), declared.get("Default"))
            for name, declared in document.get("Parameters", {}).items()
        }
        return cls(path, document, parameters)

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type whose condition holds, by logical id, resolved."""
        return {
            name: self._resolve(resource.get("Properties", {}))
            for name, resource in self._resources.items()
            if resource.get("Type") == kind and self._holds(resource.get("Condition"))
        }

    def _holds(self, name: str | None) -> bool:
        return name is None or bool(self._resolve(self._conditions[name]))

    def _resolve(self, node: Any) -> Any:
        if isinstance(node, list):
            items = (self._resolve(item) for item in node)
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (word, argument), *_ = node.items()
            if word in ("Ref", "Condition") or str(word).startswith("Fn::"):
                return self._function(word, argument)
        pairs = ((key, self._resolve(item)) for key, item in node.items())
        return {key: item for key, item in pairs if item is not _NO_VALUE}

    def _function(self, word: str, argument: Any) -> Any:
        match word:
            case "Ref":
                if argument == "AWS::NoValue":
                    return _NO_VALUE
                return self._parameters.get(argument, argument)
            case "Condition":
                return self._holds(argument)
            case "Fn::If":
                return self._resolve(argument[1] if self._holds(argument[0]) else argument[2])
            case "Fn::Equals":
                left, right = self._resolve(argument)
                return str(left) == str(right)
            case "Fn::Not":
                return not self._resolve(argument)[0]
            case "Fn::And":
                return all(self._resolve(argument))
            case "Fn::Or":
                return any(self._resolve(argument))
            case "Fn::GetAtt":
                resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
                # A policy's id, which `Ref` gives too.
                return resource if attribute == "Id" else None
        return None


def read_document(path: Path) -> dict[str, Any]:
    """A YAML or JSON template with intrinsic functions in their long form. Raises LocalError."""
    import yaml

    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _loader())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LocalError(f"{path} can't be read: {error}", 2) from error
    if not isinstance(document, dict):
        raise LocalError(f"{path} is not a CloudFormation template.", 2)
    return document


def _loader() -> Any:
    """PyYAML's safe loader with CloudFormation's short forms (``!Ref x`` for ``{Ref: x}``)."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def short_form(loader: Any, suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            argument: Any = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            argument = loader.construct_sequence(node, deep=True)
        else:
            argument = loader.construct_mapping(node, deep=True)
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": argument}

    Loader.add_multi_constructor("!", short_form)
    return Loader
