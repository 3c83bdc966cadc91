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
    from types import ModuleType

MODULES = b""


class BundledModules:
    """Finds modules by their full names, each with its file and its bytecode, and loads them one by one: the first ones
    begin the connection, and the others are read while it is made.
    """

    def __init__(self, modules: Mapping[str, tuple[str, bytes]]) -> None:
        self._modules = modules

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The module's spec."""
        if name not in self._modules:
            return None
        file = self._modules[name][0]
        # importlib asks for the methods, not for the base class.
        spec = ModuleSpec(name, self, origin=file, is_package=file.endswith("__init__.py"))  # type: ignore[arg-type]
        spec.has_location = True
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Leaves it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        exec(marshal.loads(self._modules[module.__name__][1]), module.__dict__)

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
