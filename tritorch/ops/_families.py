"""Which family an operator is in, and the opening of families.

Note [Families open when they are named]: importing this package runs no family. ``_contents`` says which family each
name is in, and the family is imported when one of its names is first used: as a function (``tritorch.relu``), on a
tensor (``x.relu()``, ``a + b``), in a derivative (``ops.relu_backward``) or in the registry, which opens them all when
it is iterated. scripts/make_stubs.py writes ``_contents`` from the registry; a family that it does not have yet is
opened at once, so that a new file is enough.
"""

import gc
import importlib
import os

from ._contents import FAMILIES

__all__ = ["ATTRIBUTES", "FAMILIES", "FUNCTIONS", "OPERATORS", "families", "open_all", "open_family"]


def _owners(column):
    """name -> family, of one column of the contents."""
    return {name: family for family, columns in FAMILIES.items() for name in columns[column].split()}


OPERATORS = _owners(0)  # the classes
FUNCTIONS = _owners(1)  # dotted, as users write them below `tritorch`
ATTRIBUTES = _owners(2)  # of Tensor


def families():
    """The names of all families: the files of this folder but the private ones."""
    files = {os.path.splitext(file)[0] for file in os.listdir(os.path.dirname(__file__))}
    return sorted(name for name in files if not name.startswith("_"))


def open_family(family):
    """Imports a family; its operators go to their places as they are defined."""
    collecting = gc.isenabled()
    gc.disable()  # what is being made here stays: to look for garbage in it is a tenth of the time
    try:
        importlib.import_module(f"{__package__}.{family}")
    finally:
        if collecting:
            gc.enable()


def open_all():
    """Imports every family."""
    for family in families():
        open_family(family)
