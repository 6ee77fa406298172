"""The operators. Importing this package defines them all: it walks its own folder, so that a new file is enough."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")
