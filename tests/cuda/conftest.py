"""Tests of the GPU path: on the simulated device, or a real one where there is one. Without Triton there is neither."""

import pytest


def pytest_collection_modifyitems(items):
    import tritorch

    why = tritorch.cuda.explain()
    if why is not None:
        for item in items:
            if "tests/cuda/" in str(item.path).replace("\\", "/"):
                item.add_marker(pytest.mark.skip(reason=why))
