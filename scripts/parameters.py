"""The template's parameters as arguments of the CDK construct and as variables of the Terraform module."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
BOOLEAN: Final = ["true", "false"]
NOT_IN_TERRAFORM: Final = ("Dashboard",)
"""Parameters of what the module does not have."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader; CloudFormation's short forms become None, for parameters have none."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def template_parameters() -> dict[str, dict[str, Any]]:
    """The parameters that template.yaml declares."""
    template = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), _Loader)
    parameters: dict[str, dict[str, Any]] = template["Parameters"]
    return parameters


def snake_case(name: str) -> str:
    """``MinimumTls`` is ``minimum_tls``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def python_parameters() -> str:
    """The module edgecors_cdk.parameters."""
    lines = [
        '"""The template\'s parameters as arguments. docs/deploy.md describes them. `make generate` writes this."""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Sequence",
        "from typing import Literal, TypedDict",
        "",
        "",
        "class TemplateParameters(TypedDict, total=False):",
        '    """Each is optional, as in the template."""',
        "",
        *(f"    {snake_case(name)}: {_python_type(parameter)}" for name, parameter in template_parameters().items()),
    ]
    return "\n".join(lines) + "\n"


def _python_type(parameter: Mapping[str, Any]) -> str:
    if parameter["Type"] == "Number":
        return "int"
    if parameter["Type"] == "CommaDelimitedList":
        return "Sequence[str] | str"
    values = parameter.get("AllowedValues")
    if values is None:
        return "str"
    words = ", ".join(json.dumps(value) for value in values if value not in BOOLEAN)
    types = [*([f"Literal[{words}]"] if words else []), *(["bool"] if "true" in values else [])]
    return " | ".join(types)


def terraform_variables() -> str:
    """The file deploy/terraform/variables.tf."""
    blocks = ["# The template's parameters; make generate writes this file.\n"]
    for name, parameter in template_parameters().items():
        if name not in NOT_IN_TERRAFORM:
            blocks.append(_variable(snake_case(name), parameter))
    return "\n".join(blocks)


def _variable(name: str, parameter: Mapping[str, Any]) -> str:
    kind, default = _terraform_type(parameter)
    lines = [
        f'variable "{name}" {{',
        f"  type        = {kind}",
        f"  default     = {json.dumps(default)}",
        f"  description = {_hcl(parameter['Description'])}",
        "  nullable    = false",
    ]
    for condition, message in _validations(f"var.{name}", kind, parameter):
        lines += [
            "",
            "  validation {",
            f"    condition     = {condition}",
            f"    error_message = {_hcl(message)}",
            "  }",
        ]
    return "\n".join([*lines, "}", ""])


def _terraform_type(parameter: Mapping[str, Any]) -> tuple[str, Any]:
    default = parameter["Default"]
    if parameter["Type"] == "Number":
        return "number", default
    if parameter["Type"] == "CommaDelimitedList":
        return "list(string)", default.split(",") if default else []
    if parameter.get("AllowedValues") == BOOLEAN:
        return "bool", default == "true"
    return "string", default


def _validations(name: str, kind: str, parameter: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Conditions with what to say when they do not hold."""
    validations = []
    values = parameter.get("AllowedValues")
    if values and kind != "bool":
        validations.append((f"contains({json.dumps(values)}, {name})", f"Use one of {', '.join(map(str, values))}."))
    if "AllowedPattern" in parameter:
        pattern = _hcl(parameter["AllowedPattern"])
        validations.append((f"can(regex({pattern}, {name}))", f"Use {parameter['ConstraintDescription']}."))
    if "MaxLength" in parameter:
        validations.append(
            (f"length({name}) <= {parameter['MaxLength']}", f"Use at most {parameter['MaxLength']} characters.")
        )
    if "MinValue" in parameter:
        low, high = parameter["MinValue"], parameter["MaxValue"]
        validations.append((f"{name} >= {low} && {name} <= {high}", f"Use {low} to {high}."))
    return validations


def _hcl(text: str) -> str:
    """A string of Terraform's language."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
