"""What the generated tests share: every public operator. How they are called and compared is in ``tritorch.testing``."""

import pytest

from tritorch.ops._op import REGISTRY
from tritorch.ops._samples import is_public
from tritorch.testing.calls import REFUSALS, array, assert_same, from_array, mapped, outcome, run

__all__ = [
    "PUBLIC", "REFUSALS", "UNINITIALISED", "array", "assert_same", "every_operator", "from_array", "mapped", "outcome",
    "run",
]  # fmt: skip

PUBLIC = {name: op for name, op in REGISTRY.items() if is_public(op)}
UNINITIALISED = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided", "new"}

every_operator = pytest.mark.parametrize("op", [pytest.param(op, id=name) for name, op in PUBLIC.items()])
