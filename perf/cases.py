"""What is timed: each case is written once and runs on any library that speaks torch's API.

A case is ``setup(lib) -> callable``; NumPy's cases are written by hand, as a user without a tensor library would.
"""

import numpy as np

SMALL: dict[str, dict] = {}
LARGE: dict[str, dict] = {}
N = 16 * 1024 * 1024


def case(table, name, numpy=None):
    """Registers the decorated setup; ``numpy`` is the same by hand."""

    def register(setup):
        table[name] = {"torch-like": setup, "numpy": numpy}
        return setup

    return register


def _four(seed=0):
    return np.random.default_rng(seed).standard_normal(4).astype(np.float32)


def _binary(table, name, expression, by_hand):
    def setup(lib):
        a, b = lib.from_numpy(_four(0)), lib.from_numpy(_four(1))
        return lambda: expression(a, b)

    def numpy():
        a, b = _four(0), _four(1)
        return lambda: by_hand(a, b)

    table[name] = {"torch-like": setup, "numpy": numpy}


_binary(SMALL, "add", lambda a, b: a + b, np.add)
_binary(SMALL, "mul", lambda a, b: a * b, np.multiply)
_binary(SMALL, "add a number", lambda a, b: a + 2.5, lambda a, b: a + 2.5)
_binary(SMALL, "add_", lambda a, b: a.add_(b), lambda a, b: np.add(a, b, out=a))
_binary(SMALL, "sum", lambda a, b: a.sum(), lambda a, b: a.sum())
_binary(SMALL, "relu", lambda a, b: a.relu(), lambda a, b: np.maximum(a, 0))
_binary(SMALL, "exp", lambda a, b: a.exp(), lambda a, b: np.exp(a))
_binary(SMALL, "slice", lambda a, b: a[1:3], lambda a, b: a[1:3])
_binary(SMALL, "reshape", lambda a, b: a.reshape(2, 2), lambda a, b: a.reshape(2, 2))


@case(SMALL, "matmul 2x2", lambda: (lambda a: lambda: a @ a)(np.ones((2, 2), np.float32)))
def _matmul(lib):
    a = lib.ones(2, 2)
    return lambda: a @ a


@case(SMALL, "t()", lambda: (lambda a: lambda: a.T)(np.ones((2, 2), np.float32)))
def _t(lib):
    a = lib.ones(2, 2)
    return lambda: a.t()


@case(SMALL, "empty", lambda: lambda: np.empty((2, 2), np.float32))
def _empty(lib):
    return lambda: lib.empty(2, 2)


@case(SMALL, "item()", lambda: (lambda a: lambda: a.item())(np.ones((), np.float32)))
def _item(lib):
    a = lib.ones(())
    return lambda: a.item()


def _chain(lib, step, length=1000):
    x = lib.from_numpy(_four()).requires_grad_()
    y = lib.from_numpy(_four(1))

    def run():
        out = x
        for _ in range(length):
            out = step(out, y)
        return out

    return run, lib.ones(4)


def _backward_case(name, step):
    def setup(lib):
        run, seed = _chain(lib, step)
        out = run()
        return lambda: out.backward(seed, retain_graph=True)

    SMALL[name] = {"torch-like": setup, "numpy": None, "per": 1000}


_backward_case("backward, a node of add", lambda a, b: a + b)
_backward_case("backward, a node of mul", lambda a, b: a * b)


@case(SMALL, "3 operators, forward and backward")
def _three(lib):
    x = lib.from_numpy(_four()).requires_grad_()
    y = lib.from_numpy(_four(1))

    def run():
        ((x * y).exp().sum()).backward()
        x.grad = None

    return run


@case(SMALL, "nn.Linear(4, 4)")
def _linear(lib):
    layer, x = lib.nn.Linear(4, 4), lib.ones(1, 4)
    return lambda: layer(x)


def _training(name, make):
    def setup(lib):
        lib.manual_seed(0)
        model = lib.nn.Sequential(
            lib.nn.Linear(16, 32), lib.nn.ReLU(), lib.nn.Linear(32, 32), lib.nn.ReLU(), lib.nn.Linear(32, 4)
        )
        optimizer = make(lib, model.parameters())
        x, y = lib.randn(32, 16), lib.randint(0, 4, (32,))

        def run():
            optimizer.zero_grad()
            lib.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

        return run

    SMALL[name] = {"torch-like": setup, "numpy": None}


_training("step of SGD with momentum, 3-layer MLP", lambda lib, p: lib.optim.SGD(p, 0.01, momentum=0.9))
_training("step of AdamW, 3-layer MLP", lambda lib, p: lib.optim.AdamW(p, 0.001))


def _both_ways(name, shape, expression):
    """Forward and backward of a function of (lib.nn.functional, x, weight, bias, classes)."""

    def setup(lib):
        lib.manual_seed(0)
        x, weight, bias = lib.randn(*shape), lib.ones(shape[1]), lib.zeros(shape[1])
        classes, leaves = lib.randint(0, shape[1], (shape[0],)), (x, weight, bias)
        for leaf in leaves:
            leaf.requires_grad_()

        def forward():
            return expression(lib.nn.functional, x, weight, bias, classes)

        seed = lib.ones(forward().shape)

        def run():
            forward().backward(seed)
            for leaf in leaves:
                leaf.grad = None

        return run

    SMALL[name] = {"torch-like": setup, "numpy": None}


_both_ways("softmax 32 x 10, both ways", (32, 10), lambda F, x, w, b, y: F.softmax(x, -1))
_both_ways("layer norm 32 x 64, both ways", (32, 64), lambda F, x, w, b, y: F.layer_norm(x, w.shape, w, b))
_both_ways("batch norm 32 x 64, both ways", (32, 64), lambda F, x, w, b, y: F.batch_norm(x, None, None, w, b, True))
_both_ways("cross entropy 32 x 10, both ways", (32, 10), lambda F, x, w, b, y: F.cross_entropy(x, y))


# -- large operators: one pass over 16M float32, and what NumPy needs several passes for --------------


def _large(name, expression, by_hand, shape=(4096, 4096)):
    def data(seed):
        return np.random.default_rng(seed).standard_normal(shape, np.float32)

    def setup(lib):
        a, b = lib.from_numpy(data(0)), lib.from_numpy(data(1))
        return lambda: expression(lib, a, b)

    def numpy():
        a, b = data(0), data(1)
        return lambda: by_hand(a, b)

    LARGE[name] = {"torch-like": setup, "numpy": numpy if by_hand else None}


def _softmax(a, b):
    e = np.exp(a - a.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


_large("add 16M", lambda lib, a, b: a + b, np.add)
_large("mul 16M", lambda lib, a, b: a * b, np.multiply)
_large("exp 16M", lambda lib, a, b: a.exp(), lambda a, b: np.exp(a))
_large("sum over all, 16M", lambda lib, a, b: a.sum(), lambda a, b: a.sum())
_large("sum over dim 0, 16M", lambda lib, a, b: a.sum(0), lambda a, b: a.sum(0))
_large("sum over dim 1, 16M", lambda lib, a, b: a.sum(1), lambda a, b: a.sum(1))
_large("softmax 4096 x 1024", lambda lib, a, b: a.softmax(-1), _softmax, (4096, 1024))
_large("layer norm 4096 x 1024", lambda lib, a, b: lib.nn.functional.layer_norm(a, (1024,)), None, (4096, 1024))
_large("cumsum 16M", lambda lib, a, b: a.cumsum(-1), lambda a, b: a.cumsum(-1), (N,))
_large("transposed copy 4096 x 4096", lambda lib, a, b: a.t().contiguous(), lambda a, b: np.ascontiguousarray(a.T))


@case(LARGE, "cross entropy 4096 x 1024")
def _cross_entropy(lib):
    lib.manual_seed(0)
    x, y = lib.randn(4096, 1024), lib.randint(0, 1024, (4096,))
    return lambda: lib.nn.functional.cross_entropy(x, y)


def _conv2d(name, image, weight, **geometry):
    def forward(lib):
        lib.manual_seed(0)
        x, w = lib.randn(*image), lib.randn(*weight)
        return lambda: lib.nn.functional.conv2d(x, w, **geometry)

    def both_ways(lib):
        lib.manual_seed(0)
        x, w = lib.randn(*image).requires_grad_(), lib.randn(*weight).requires_grad_()
        seed = lib.ones(lib.nn.functional.conv2d(x, w, **geometry).shape)

        def run():
            lib.nn.functional.conv2d(x, w, **geometry).backward(seed)
            x.grad = w.grad = None

        return run

    LARGE[f"conv2d {name}"] = {"torch-like": forward, "numpy": None}
    LARGE[f"conv2d {name}, both ways"] = {"torch-like": both_ways, "numpy": None}


_conv2d("8 x 64 x 56 x 56, 3 x 3", (8, 64, 56, 56), (64, 64, 3, 3), padding=1)
_conv2d("64 x 1 x 28 x 28, 3 x 3", (64, 1, 28, 28), (32, 1, 3, 3))
_conv2d("64 x 32 x 14 x 14, 3 x 3", (64, 32, 14, 14), (64, 32, 3, 3), padding=1)
_conv2d("8 x 64 x 56 x 56, depthwise", (8, 64, 56, 56), (64, 1, 3, 3), padding=1, groups=64)


@case(LARGE, "Adam step, 10M parameters")
def _adam(lib):
    p = lib.nn.Parameter(lib.zeros(10_000_000))
    p.grad = lib.ones(10_000_000)
    optimizer = lib.optim.Adam([p], fused=True)
    return optimizer.step
