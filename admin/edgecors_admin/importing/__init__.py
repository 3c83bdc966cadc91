"""Policies from other CORS configurations. A policy never allows what its source did not.

One module a format reads a source into `rules.ImportedRule`; `builder` makes policies from these; `report` collects
what could not be carried over.
"""

from edgecors_admin.importing.account import import_account
from edgecors_admin.importing.importer import FORMATS, Imported, ImportedSite, import_text, recognised_format
from edgecors_admin.importing.live import import_recording

__all__ = [
    "FORMATS",
    "Imported",
    "ImportedSite",
    "import_account",
    "import_recording",
    "import_text",
    "recognised_format",
]
