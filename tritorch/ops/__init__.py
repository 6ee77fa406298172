"""The operators. Importing this package defines them all: it walks its own folder, so that a new file is enough."""

import gc
import importlib
import os


def _walk():
    for family in sorted({os.path.splitext(file)[0] for file in os.listdir(__path__[0])}):
        if not family.startswith("_"):
            importlib.import_module(f"{__name__}.{family}")


_collecting = gc.isenabled()
gc.disable()  # what is being made here stays: to look for garbage in it again and again is a tenth of the import
try:
    _walk()
finally:
    if _collecting:
        gc.enable()
