"""SwiGLU, the gated unit of today's language models: ``silu(gate) * up``, in one kernel forward and one backward.

    tritorch check examples/kernels/swiglu.py
    tritorch bench examples/kernels/swiglu.py

Eager lines read and write the intermediates silu(gate), and in backward three more; here they stay in registers.
"""

import numpy as np

import tritorch
from tritorch.op import Elementwise, Op, empty, launch, ops, packed, tl, triton

BLOCK = 1024


class swiglu(Elementwise):
    """``gate * sigmoid(gate) * up``, elementwise, with broadcasting."""

    def cpu(gate, up):
        return gate / (1 + np.exp(-gate)) * up

    @triton.jit
    def cuda(gate, up):
        return gate / (1 + tl.exp(-gate)) * up

    def d_gate__up(grad, gate, up):
        if tritorch.is_grad_enabled():  # a derivative of the derivative: in eager lines
            sigmoid = gate.sigmoid()
            slope = sigmoid * (1 + gate * (1 - sigmoid))
            return grad * up * slope, grad * gate * sigmoid
        return tuple(ops.swiglu_backward(grad, gate.expand(grad.shape), up.expand(grad.shape)))

    def reference(gate, up):
        return gate * gate.sigmoid() * up

    def bench(make):
        yield make(1024, 1024), make(1024, 1024)


@triton.jit
def backward_kernel(grad, gate, up, d_gate, d_up, n, BLOCK: tl.constexpr, DOUBLE: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < n
    kind: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    g = tl.load(grad + i, mask=live, other=0.0).to(kind)
    x = tl.load(gate + i, mask=live, other=0.0).to(kind)
    y = tl.load(up + i, mask=live, other=0.0).to(kind)
    sigmoid = 1 / (1 + tl.exp(-x))
    tl.store(d_gate + i, g * y * sigmoid * (1 + x * (1 - sigmoid)), mask=live)
    tl.store(d_up + i, g * x * sigmoid, mask=live)


class swiglu_backward(Op, function=False, method=False, has_out=False, returns=("of_gate", "of_up")):
    """Both gradients of :class:`swiglu`, of tensors of one shape."""

    def cpu(grad, gate, up):
        sigmoid = 1 / (1 + np.exp(-gate))
        return grad * up * sigmoid * (1 + gate * (1 - sigmoid)), grad * gate * sigmoid

    def cuda(grad, gate, up):
        grad, gate, up = packed(grad), packed(gate), packed(up)
        outs = empty(gate.shape, gate.dtype), empty(up.shape, up.dtype)
        grid = (triton.cdiv(gate.size, BLOCK),)
        double = gate.dtype.itemsize == 8
        launch(backward_kernel, grid, grad, gate, up, *outs, gate.size, BLOCK=BLOCK, DOUBLE=double)
        return outs

    def samples(make):
        yield make(3, 5), make(3, 5), make(3, 5)

    def bench(make):
        yield make(1024, 1024), make(1024, 1024), make(1024, 1024)
