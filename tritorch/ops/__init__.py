"""The operators: one file a family; see Note [Families open when they are named]."""

from ._families import ATTRIBUTES, FAMILIES, FUNCTIONS, OPERATORS, families, open_all, open_family

__all__ = ["ATTRIBUTES", "FAMILIES", "FUNCTIONS", "OPERATORS", "families", "open_all", "open_family"]
