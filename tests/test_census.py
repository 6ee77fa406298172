"""The names that programs use most exist: `census.txt` lists torch's first 400, by how many repositories use them."""

from pathlib import Path

import pytest

import tritorch

NAMES = [line for line in Path(__file__).with_name("census.txt").read_text().splitlines() if not line.startswith("#")]
OWNERS = {
    "Tensor": tritorch.ones(2, 2, dtype=tritorch.complex64),
    "Module": tritorch.nn.Module(),
    "Optimizer": tritorch.optim.Optimizer,
}


@pytest.mark.parametrize("name", NAMES)
def test_name_exists(name):
    head, *path = name.split(".")
    found = OWNERS.get(head, tritorch)
    for part in path:
        found = getattr(found, part)
    assert found is not None or part == "grad"


def test_all_are_listed(figure):
    figure("names of the census that exist", len(NAMES))
    assert len(NAMES) == 400
