"""Fixes a template's parameters: checks their values, decides its conditions, and leaves out what is not deployed.

It works on the transformed template, which has no macros, and knows the functions that this template uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_NO_VALUE: Final = object()
# How the CDK writes values that are known only when the stack is deployed.
_TOKEN: Final = re.compile(r"[$#]\{Token\[")

Values = Mapping[str, "str | int | list[str]"]


def parameter_values(template: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, str | int | list[str]]:
    """The value of each parameter of the template, from arguments with names such as ``origin_domain_name``.

    Raises:
        ValueError: An argument is unknown, or its value is not allowed.
    """
    declared: Mapping[str, Any] = template["Parameters"]
    names = {python_name(name): name for name in declared}
    unknown = ", ".join(sorted(arguments.keys() - names.keys()))
    if unknown:
        raise ValueError(f"unknown arguments: {unknown}. Use some of {', '.join(names)}.")
    values = {
        name: _value(parameter, arguments.get(argument, parameter.get("Default", "")))
        for argument, name in names.items()
        for parameter in [declared[name]]
    }
    problems = [
        f"{argument}: {problem}"
        for argument, name in names.items()
        if (problem := _problem(declared[name], values[name]))
    ]
    if problems:
        raise ValueError("; ".join(problems))
    return values


def python_name(name: str) -> str:
    """A parameter's name as an argument: ``MinimumTls`` is ``minimum_tls``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _value(parameter: Mapping[str, Any], value: Any) -> str | int | list[str]:
    if parameter["Type"] == "CommaDelimitedList":
        return value.split(",") if isinstance(value, str) else list(value) or [""]
    if isinstance(value, bool):
        return "true" if value else "false"
    return int(value) if parameter["Type"] == "Number" else str(value)


def _problem(parameter: Mapping[str, Any], value: str | int | list[str]) -> str:
    """What is wrong with a value; nothing for values that are known only later."""
    if isinstance(value, list) or _TOKEN.search(str(value)):
        return ""
    if "AllowedValues" in parameter and str(value) not in map(str, parameter["AllowedValues"]):
        return f"{value!r} is not allowed. Use one of {', '.join(map(str, parameter['AllowedValues']))}."
    if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], str(value)):
        return f"{value!r} is invalid. Use {parameter['ConstraintDescription']}."
    if len(str(value)) > parameter.get("MaxLength", len(str(value))):
        return f"it has {len(str(value))} characters. Use at most {parameter['MaxLength']}."
    if isinstance(value, int) and not parameter.get("MinValue", value) <= value <= parameter.get("MaxValue", value):
        return f"{value} is out of range. Use {parameter['MinValue']} to {parameter['MaxValue']}."
    return ""


def fix_parameters(template: Mapping[str, Any], values: Values, region: str | None) -> dict[str, Any]:
    """The template with these values in place of its parameters, rules and conditions.

    Args:
        template: The transformed template.
        values: The value of each parameter.
        region: The stack's Region; None if it is known only when the stack is deployed.

    Raises:
        ValueError: One of the template's rules refuses the values.
    """
    fold = _Fold(template, values, region)
    refusals = [
        item["AssertDescription"]
        for rule in template["Rules"].values()
        if fold.node(rule.get("RuleCondition", True))
        for item in rule["Assertions"]
        if fold.node(item["Assert"]) is False
    ]
    if refusals:
        raise ValueError(" ".join(refusals))
    resources = {name: item for name, item in template["Resources"].items() if fold.holds(item.get("Condition"))}
    outputs = {name: item for name, item in template["Outputs"].items() if fold.holds(item.get("Condition"))}
    return {
        "Description": template["Description"],
        "Resources": {name: _without_condition(fold.node(item), resources) for name, item in resources.items()},
        "Outputs": {name: _without_condition(fold.node(item), resources) for name, item in outputs.items()},
    }


def _without_condition(item: dict[str, Any], resources: Mapping[str, Any]) -> dict[str, Any]:
    """A resource or output without its condition, notes for tools, and dependencies on what is not deployed."""
    result = {key: value for key, value in item.items() if key not in ("Condition", "Metadata", "DependsOn")}
    names = item.get("DependsOn", [])
    depends = [name for name in ([names] if isinstance(names, str) else names) if name in resources]
    return {**result, "DependsOn": depends} if depends else result


class _Fold:
    def __init__(self, template: Mapping[str, Any], values: Values, region: str | None) -> None:
        self._conditions: Mapping[str, Any] = template["Conditions"]
        self._values = values
        self._region = region

    def holds(self, name: str | None) -> bool:
        """Whether a condition holds."""
        return name is None or bool(self.node(self._conditions[name]))

    def node(self, node: Any) -> Any:
        """A part of the template with everything evaluated that does not depend on a deployed stack."""
        if isinstance(node, list):
            return [item for item in map(self.node, node) if item is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((word, argument),) = node.items()
            if word in ("Ref", "Condition") or word.startswith("Fn::"):
                return self._function(word, argument)
        pairs = ((key, self.node(item)) for key, item in node.items())
        return {key: item for key, item in pairs if item is not _NO_VALUE}

    def _function(self, word: str, argument: Any) -> Any:
        match word:
            case "Ref":
                return self._reference(argument)
            case "Condition" if isinstance(argument, str):
                return self.holds(argument)
            case "Fn::If":
                return self.node(argument[1 if self.holds(argument[0]) else 2])
            case "Fn::Sub":
                return self._substitute(argument)
        resolved = self.node(argument)
        match word:
            case "Fn::Equals":
                # An undecided Region refuses nothing: CloudFormation would.
                return True if {"Ref": "AWS::Region"} in resolved else str(resolved[0]) == str(resolved[1])
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
            case "Fn::Join" if _is_literal(resolved):
                return resolved[0].join(map(str, resolved[1]))
            case "Fn::Split" if _is_literal(resolved):
                return resolved[1].split(resolved[0])
            case "Fn::Select" if _is_literal(resolved):
                return resolved[1][int(resolved[0])]
        return {word: resolved}

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name == "AWS::Region" and self._region is not None:
            return self._region
        return self._values.get(name, {"Ref": name})

    def _substitute(self, argument: Any) -> Any:
        """``Fn::Sub`` with literal values in the text, and the values that are known only later beside it."""
        text, variables = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
        later: dict[str, Any] = {}

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in variables:
                value = self.node(variables[name])
            elif name in self._values or name == "AWS::Region":
                value = self._reference(name)
            else:
                return match[0]
            if isinstance(value, str | int) and not _TOKEN.search(str(value)):
                return str(value).replace("${", "${!")
            if value == {"Ref": name}:
                return match[0]
            later[name] = value
            return match[0]

        result = re.sub(r"\$\{([^!}]+)\}", replace, text)
        if later:
            return {"Fn::Sub": [result, later]}
        return {"Fn::Sub": result} if "${" in result else result


def _is_literal(node: Any) -> bool:
    """Whether a function's arguments are known now."""
    return not _TOKEN.search(text := json.dumps(node)) and '{"' not in text
