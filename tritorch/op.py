"""The language of operators, for authors: define a class, get an operator.

The new operator is a function (call the class), a method of tensors, and where ``inplace=True`` an in-place method;
it has autograd from its ``d_<argument>`` slots, type promotion, broadcasting and ``out=`` from its kind.

Example:
    >>> import numpy as np
    >>> import tritorch
    >>> from tritorch.op import Elementwise
    >>> class relu_squared(Elementwise, inplace=True):
    ...     '''The square of the positive part.'''
    ...
    ...     def cpu(input):
    ...         return np.square(np.maximum(input, 0))
    ...
    ...     def d_input(grad, input):
    ...         return grad * 2 * input.clamp(min=0)
    >>> relu_squared(tritorch.tensor([-1.0, 3.0]))
    tensor([0., 9.])
"""

from .ops._kinds import Creation, Elementwise, Reduction, RowWise, Scan, View
from .ops._op import REGISTRY, Op, conj, ops
from .ops._schema import Dim, Dims, DType, Number, Shape, Tensors
from .runtime.jit import libdevice, tl, triton
from .runtime.launch import launch

__all__ = [
    "REGISTRY",
    "Creation",
    "DType",
    "Dim",
    "Dims",
    "Elementwise",
    "Number",
    "Op",
    "Reduction",
    "RowWise",
    "Scan",
    "Shape",
    "Tensors",
    "View",
    "conj",
    "launch",
    "libdevice",
    "ops",
    "tl",
    "triton",
]
