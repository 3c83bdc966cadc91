"""The package ``edgecors`` of the edge artifact, whose modules are all in one file. `bundle_edge.py` puts it there.

The bytecode of this file holds the bytecode of all modules in `MODULES`. It is for one version of Python. Any other
version ignores it, as it does with all bytecode of another version, finds `MODULES` empty in the source, and imports
the sources in sources.zip. Tracebacks take their lines from there as well.
"""

from __future__ import annotations

import marshal
import os
import sys
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, ModuleType

MODULES = b""


class BundledModules:
    """Finds and loads modules by their full names."""

    def __init__(self, modules: Mapping[str, CodeType]) -> None:
        self._modules = modules

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The module's spec; its file is the one that the bytecode names."""
        code = self._modules.get(name)
        if code is None:
            return None
        is_package = code.co_filename.endswith("__init__.py")
        # importlib asks for the methods, not for the base class.
        spec = ModuleSpec(name, self, origin=code.co_filename, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Leaves it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        exec(self._modules[module.__name__], module.__dict__)

    def get_source(self, name: str) -> str | None:
        """The module's source, for tracebacks."""
        from zipimport import zipimporter

        parent, _, module = name.rpartition(".")
        return zipimporter(os.path.join(SOURCES, *parent.split(".")[1:])).get_source(module)


PATHS = sys.modules[__name__].__path__
SOURCES = os.path.join(PATHS[0], "sources.zip")
if MODULES:
    sys.meta_path.insert(0, BundledModules(marshal.loads(MODULES)))
else:
    PATHS.append(SOURCES)
