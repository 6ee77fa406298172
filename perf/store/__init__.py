"""The dashboard's memory: one SQLite file. ``Store(path)`` opens or makes it."""

from .exchange import export_json, import_json
from .store import Store, StoreError

__all__ = ["Store", "StoreError", "export_json", "import_json"]
