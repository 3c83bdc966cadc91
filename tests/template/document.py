"""Reads a CloudFormation template and resolves what can be known of it before anything is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = ROOT / "template.yaml"

PSEUDO: Final[Mapping[str, Any]] = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/edgecors/11112222-aaaa-bbbb-cccc-333344445555",
    "AWS::StackName": "edgecors",
    "AWS::URLSuffix": "amazonaws.com",
}
_NO_VALUE: Final = object()


class _TemplateLoader(yaml.CSafeLoader):
    """PyYAML's safe loader (in C), and CloudFormation's short forms: ``!Ref x`` is ``{"Ref": "x"}``."""


def _short_form(loader: yaml.CSafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    argument: Any
    if isinstance(node, yaml.ScalarNode):
        argument = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        argument = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt":
        argument = argument.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": argument}


_TemplateLoader.add_multi_constructor("!", _short_form)


def read(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template with every function in its long form."""
    document = yaml.load(path.read_text(encoding="utf-8"), _TemplateLoader)
    assert isinstance(document, dict)
    return document


class ResourceReference(NamedTuple):
    """What only a deployed stack knows: ``Ref`` or ``GetAtt`` of a resource."""

    resource: str
    attribute: str = ""

    def __str__(self) -> str:
        return f"<{self.resource}{'.' if self.attribute else ''}{self.attribute}>"


class Stack:
    """A template as it would be deployed with these parameters: conditions decided, values put in.

    A reference to a resource comes out as a `ResourceReference`; those that lead to a resource that is not deployed, or
    to nothing at all, are in ``dangling``.

    Pseudo parameters such as ``AWS::Region`` can be given too.
    """

    def __init__(self, document: Mapping[str, Any], stack_name: str = "edgecors", /, **parameters: str) -> None:
        declared: Mapping[str, Any] = document["Parameters"]
        unknown = parameters.keys() - declared.keys() - PSEUDO.keys()
        assert not unknown, f"the template has no parameter {unknown}"
        self._values: dict[str, Any] = {**PSEUDO, "AWS::StackName": stack_name, "AWS::NoValue": _NO_VALUE}
        for name, parameter in declared.items():
            value = parameters.get(name, parameter.get("Default"))
            self._values[name] = value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
        self._values |= {name: value for name, value in parameters.items() if name in PSEUDO}
        self._conditions: Mapping[str, Any] = document.get("Conditions", {})
        self._holding: dict[str, bool] = {}
        self.dangling: set[str] = set()
        self._kinds = {
            name: resource["Type"]
            for name, resource in document["Resources"].items()
            if self._holds(resource.get("Condition"))
        }
        self._place = ""
        self.resources: dict[str, dict[str, Any]] = {}
        for name, kind in self._kinds.items():
            self._place = name
            resolved = self._resolve(document["Resources"][name].get("Properties", {}))
            self.resources[name] = {**document["Resources"][name], "Type": kind, "Properties": resolved}
        self.outputs: dict[str, Any] = {}
        for name, output in document.get("Outputs", {}).items():
            if self._holds(output.get("Condition")):
                self._place = f"output {name}"
                self.outputs[name] = self._resolve(output["Value"])
        self._rules: Mapping[str, Any] = document.get("Rules", {})

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all deployed resources of a type, by logical id."""
        return {name: item["Properties"] for name, item in self.resources.items() if item["Type"] == kind}

    def refusals(self, region: str = "us-east-1") -> list[str]:
        """What the template's rules say against these parameters in this Region."""
        self._values["AWS::Region"] = region
        self._holding.clear()
        descriptions: list[str] = []
        for rule in self._rules.values():
            if "RuleCondition" not in rule or self._resolve(rule["RuleCondition"]):
                descriptions += [
                    item["AssertDescription"] for item in rule["Assertions"] if not self._resolve(item["Assert"])
                ]
        return descriptions

    def _holds(self, name: str | None) -> bool:
        if name is None:
            return True
        if name not in self._holding:
            self._holding[name] = bool(self._resolve(self._conditions[name]))
        return self._holding[name]

    def _resolve(self, node: Any) -> Any:
        if isinstance(node, list):
            return [item for item in map(self._resolve, node) if item is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            word, argument = next(iter(node.items()))
            if word == "Ref" or word.startswith("Fn::") or (word == "Condition" and isinstance(argument, str)):
                return self._function(word, argument)
        pairs = ((key, self._resolve(item)) for key, item in node.items())
        return {key: item for key, item in pairs if item is not _NO_VALUE}

    def _function(self, word: str, argument: Any) -> Any:
        match word:
            case "Ref":
                return self._values[argument] if argument in self._values else self._pointer(argument)
            case "Fn::GetAtt":
                return self._pointer(*argument)
            case "Condition":
                return self._holds(argument)
            case "Fn::If":
                return self._resolve(argument[1] if self._holds(argument[0]) else argument[2])
            case "Fn::Sub":
                return self._substitute(argument)
        resolved = self._resolve(argument)
        match word:
            case "Fn::Equals":
                return str(resolved[0]) == str(resolved[1])
            case "Fn::Not":
                return not resolved[0]
            case "Fn::And":
                return all(resolved)
            case "Fn::Or":
                return any(resolved)
            case "Fn::Contains":
                return resolved[1] in resolved[0]
            case "Fn::EachMemberIn":
                return set(resolved[0]) <= set(resolved[1])
            case "Fn::Join":
                return resolved[0].join(map(str, resolved[1]))
            case "Fn::Split":
                return str(resolved[1]).split(resolved[0])
            case "Fn::Select":
                items = resolved[1]
                # Of an ARN that only the deployed stack knows there is but one piece here.
                return items[int(resolved[0])] if int(resolved[0]) < len(items) else items[-1]
        raise AssertionError(f"{word} is not known here")

    def _pointer(self, name: str, attribute: str = "") -> ResourceReference:
        # `Function.Version`, `Function.Alias` and the rule of an event are SAM's: they stand for what it makes.
        resource, _, generated = name.partition(".")
        known = resource in self._kinds or any(
            resource.startswith(function) and resource != function and kind == "AWS::Serverless::Function"
            for function, kind in self._kinds.items()
        )
        if not known:
            self.dangling.add(f"{self._place} refers to {name}")
        return ResourceReference(resource, attribute or generated)

    def _substitute(self, argument: Any) -> str:
        text, extra = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in extra:
                return str(self._resolve(extra[name]))
            if name in self._values:
                resolved = self._values[name]
                assert not isinstance(resolved, list), f"a list can't be put into text: {name}"
                return str(resolved)
            resource, _, attribute = name.partition(".")
            return str(self._pointer(resource, attribute))

        return re.sub(r"\$\{([^}]+)\}", value, text)


def references(node: Any) -> Iterator[str]:
    """The names that a piece of a template refers to: parameters, resources and conditions (as ``Condition:x``)."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for key, item in node.items():
            if key == "Ref":
                yield str(item)
            elif key == "Fn::GetAtt":
                yield item[0]
            elif key == "Fn::Sub":
                text = item[0] if isinstance(item, list) else item
                yield from (name.partition(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text))
                yield from references(item[1] if isinstance(item, list) else [])
            elif key == "Condition" and isinstance(item, str):
                yield f"Condition:{item}"
            elif key == "Fn::If":
                yield f"Condition:{item[0]}"
                yield from references(item[1:])
            else:
                yield from references(item)
