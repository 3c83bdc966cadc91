"""Policies out of other CORS configurations, and a list of what could not be carried over. Never wider than before."""

from edgecors_admin.importing.formats import FORMATS, Imported, import_text

__all__ = ["FORMATS", "Imported", "import_text"]
