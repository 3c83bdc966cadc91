"""Writes the generated files.

These are docs/policy.schema.json, the sections of docs/policy.md that come from the code, and the template's parameters
as Terraform variables and as arguments of the CDK construct.

With ``--check`` nothing is written, and the exit status is 1 when a file is not current.
"""

import json
import sys
from pathlib import Path

from edgecors.decision import REASONS
from edgecors_admin.codes import FUNCTIONS_CODES, GUARD_CODES, IMPORT_CODES, LIBRARY_CODES, LINTER_CODES
from edgecors_admin.reference import codes_section, field_sections, reasons_section, update
from edgecors_admin.schema import policy_schema

if __package__:
    from scripts.parameters import python_parameters, terraform_variables
else:
    from parameters import python_parameters, terraform_variables  # type: ignore[import-not-found, no-redef, unused-ignore]

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def generated() -> dict[Path, str]:
    """Each file with the text that it should have."""
    codes = {
        "library codes": LIBRARY_CODES,
        "linter codes": LINTER_CODES,
        "functions codes": FUNCTIONS_CODES,
        "guard codes": GUARD_CODES,
        "import codes": IMPORT_CODES,
    }
    sections = {**field_sections(), "reasons": reasons_section(REASONS)}
    sections |= {name: codes_section(table) for name, table in codes.items()}
    page = DOCS / "policy.md"
    return {
        DOCS / "policy.schema.json": json.dumps(policy_schema(), indent=2) + "\n",
        page: update(page.read_text(encoding="utf-8"), sections),
        ROOT / "deploy" / "terraform" / "variables.tf": terraform_variables(),
        ROOT / "deploy" / "cdk" / "edgecors_cdk" / "parameters.py": python_parameters(),
    }


def main(arguments: list[str]) -> int:
    """Write or check; the exit status."""
    stale = [
        path for path, text in generated().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is not current: run make generate")
        else:
            path.write_text(generated()[path], encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
