"""Optimizer steps on the device, against those on the CPU."""

import numpy as np
import pytest

import tritorch
from tritorch import optim

CASES = [
    (optim.SGD, {"lr": 0.1}), (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (optim.Adam, {"lr": 0.1}), (optim.Adam, {"lr": 0.1, "amsgrad": True}), (optim.AdamW, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.RMSprop, {"lr": 0.01, "momentum": 0.5, "centered": True}), (optim.Adagrad, {"lr": 0.1}), (optim.Adamax, {}),
    (optim.Adadelta, {}), (optim.NAdam, {}), (optim.RAdam, {}), (optim.ASGD, {}), (optim.Rprop, {}),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("make", "options"), CASES, ids=lambda x: getattr(x, "__name__", str(x)))
def test_steps(make, options, dtype):
    start = tritorch.randn(5, 3, dtype=getattr(tritorch, dtype))
    ours = [start.clone().to(where).requires_grad_() for where in ("cpu", "cuda")]
    steppers = [make([p], **options) for p in ours]
    for k in range(3):
        grad = tritorch.randn(5, 3, dtype=start.dtype, generator=tritorch.Generator().manual_seed(k))
        for p, stepper in zip(ours, steppers, strict=True):
            p.grad = grad.to(p.device)
            stepper.step()
    np.testing.assert_allclose(ours[1].detach().cpu().numpy(), ours[0].detach().numpy(), rtol=2e-5, atol=1e-6)
    assert ours[1].is_cuda and ours[1]._version == ours[0]._version
