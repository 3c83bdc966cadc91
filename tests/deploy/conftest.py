"""What the construct and the module are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.require import require
from tests.template import sam
from tests.template.document import read


@pytest.fixture(scope="session")
def transformed(packaged: Path) -> dict[str, Any]:
    """The template as SAM transforms it, with the code of the CloudFront Functions that `make build` puts into it."""
    require((sam.BIN / "python").exists(), "the SAM CLI is not here: run `make runtime`")
    (template,) = sam.transform((read(), {}))
    for event in ("Request", "Response"):
        (script,) = packaged.glob(f"edgecors-viewer-{event.lower()}-*.js")
        template["Resources"][f"Viewer{event}Function"]["Properties"]["FunctionCode"] = script.read_text("utf-8")
    return template
