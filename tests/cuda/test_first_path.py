"""The first path through the simulated device: memory, views, pointwise kernels, autograd, transfers."""

import os
import subprocess
import sys
import textwrap


def simulated(program):
    """Runs ``program`` in a process of its own on the simulated device; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import tritorch as torch\n" + textwrap.dedent(program)],
        env={**os.environ, "TRITORCH_SIM": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pointwise_views_and_casts():
    out = simulated("""
        a = torch.arange(6.0).reshape(2, 3).cuda()
        print(a.device, a.is_cuda, (a + a).tolist(), (a.t() + 1).tolist(), (a + a[0]).tolist())
        print(a[:, 1:].reshape(-1).tolist(), a.to(torch.float16).dtype, (a + torch.tensor(2)).sum.__self__.device)
        z = a.clone()
        z += 1
        z[0] = 7
        print(z.tolist(), z._version)
    """)
    assert out.splitlines() == [
        "cuda:0 True [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]] [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]] "
        "[[0.0, 2.0, 4.0], [3.0, 5.0, 7.0]]",
        "[1.0, 2.0, 4.0, 5.0] tritorch.float16 cuda:0",
        "[[7.0, 7.0, 7.0], [4.0, 5.0, 6.0]] 2",
    ]


def test_gradients_and_errors():
    out = simulated("""
        x = torch.ones(3, device="cuda", requires_grad=True)
        (x + x + x).backward(torch.ones(3, device="cuda"))
        print(x.grad.tolist(), x.grad.device)
        for wrong in (lambda: x + torch.ones(3), lambda: x.numpy(), lambda: torch.linalg.svd(torch.ones(2, 2, device="cuda"))):
            try:
                wrong()
            except Exception as e:
                print(type(e).__name__, e)
    """)
    lines = out.splitlines()
    assert lines[0] == "[3.0, 3.0, 3.0] cuda:0"
    assert lines[1].startswith("RuntimeError Expected all tensors to be on the same device, but found at least two")
    assert lines[2].startswith("RuntimeError Can't call numpy() on Tensor that requires grad")
    assert "expected tensors on cpu, got cuda: the operator has no kernel" in lines[3]


def test_without_a_device_there_is_one_line_that_says_why():
    done = subprocess.run(
        [sys.executable, "-c", "import tritorch\ntritorch.ones(2).cuda()"],
        env={**os.environ, "TRITORCH_SIM": "0", "CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "RuntimeError: cuda: expected a device that is available, got cuda: "
    )
