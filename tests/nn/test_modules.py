"""Every layer against torch's own answers: printing, state, output, gradients of parameters and of inputs.

``modules.npz`` holds cases recorded from torch 2.13: arguments, state, inputs and results.
"""

import copy
import functools
import json
import math
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

import tritorch
from tritorch import nn


@functools.cache
def recorded():
    with np.load(Path(__file__).with_name("modules.npz")) as file:
        index = json.loads(file["index"].tobytes())
        rows = {name: file[name] for name in file.files if name != "index"}
    arrays = [rows[kind][start : start + math.prod(shape)].reshape(shape) for kind, start, shape in index["arrays"]]
    cases = {}
    for case in index["cases"]:
        cases.setdefault(case["module"], []).append(case)
    return arrays, cases


def tensor(position):
    return tritorch.tensor(recorded()[0][position].copy())


def decoded(value):
    """A recorded argument: tensors, tuples, dicts, types and functions are marked by a key."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content), *rest) = value.items()
    if kind == "tensor":
        return tensor(content).requires_grad_(dict(rest)["grad"])
    if kind == "tuple":
        return tuple(decoded(item) for item in content)
    if kind == "dict":
        return {name: decoded(item) for name, item in content.items()}
    return getattr(tritorch if kind == "dtype" else nn.functional, content)


def tensors(value):
    if isinstance(value, tritorch.Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return [found for item in items for found in tensors(item)]


def check(got, position, what, scale=2e-5):
    expected = recorded()[0][position]
    assert tuple(got.shape) == expected.shape and got.dtype == tensor(position).dtype, what
    atol = scale * max(1.0, np.abs(expected[np.isfinite(expected)]).max(initial=0)) if expected.dtype.kind == "f" else 0
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=3e-4, atol=atol, err_msg=what)


def check_gradients(case, module, inputs, outputs):
    differentiable = [output for output in outputs if output.requires_grad]
    if differentiable:
        sum((output.double() * (i + 1)).sum() for i, output in enumerate(differentiable)).backward()
    got = {name: parameter.grad for name, parameter in module.named_parameters() if parameter.grad is not None}
    assert set(got) == set(case["grads"])
    for name, grad in got.items():
        check(grad, case["grads"][name], f"gradient of {name}", 6e-5)
    wanted = [value for value in tensors(inputs) if value.requires_grad]
    for value, position in zip(wanted, case["input_grads"], strict=False):
        if position is not None:
            check(value.grad, position, "gradient of an input", 6e-5)


def run(case):
    module = getattr(nn, case["module"])(*decoded(case["args"]), **decoded(case["kwargs"]))
    module.train(case["training"])
    assert list(module.state_dict()) == list(case["state"])
    module.load_state_dict({name: tensor(position) for name, position in case["state"].items()})
    inputs = decoded(case["inputs"]), decoded(case["named"])
    outputs = tensors(module(*inputs[0], **inputs[1]))
    assert repr(module) == case["repr"]
    for output, position in zip(outputs, case["outputs"], strict=True):
        check(output, position, "output")
    check_gradients(case, module, inputs, outputs)
    for name, position in case["buffers"].items():
        check(module.get_buffer(name), position, name)
    return module


@pytest.mark.parametrize("name", sorted(recorded()[1]))
def test_matches_torch(name):
    for case in recorded()[1][name]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = run(case)
        for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert repr(other) == repr(module)
            for key, value in module.state_dict().items():
                assert tritorch.equal(other.state_dict()[key], value)
