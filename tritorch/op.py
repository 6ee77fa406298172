"""The language of operators, for authors: define a class, get an operator.

The new operator is a function (call the class), a method of tensors, and where ``inplace=True`` an in-place method;
it has autograd from its ``d_<argument>`` slots, twice where they are differentiable, type promotion, broadcasting and
``out=`` from its kind, :func:`tritorch.testing.check_op` for its tests, and ``tritorch check | bench FILE:name``.

A class derives from a kind, has a docstring, and these slots; all are functions without ``self``:

=================  ====================================================================================================
``cpu``            the meaning, on NumPy arrays, and the schema: a bare parameter is a tensor, an annotated one a plain
                   value. :class:`Tensors` is a list of tensors; :class:`Dim`, :class:`Dims`, :class:`Shape` arrive
                   normalised; after ``*`` stand keyword arguments.
``eager``          in its place for a composite: the same of tensors, in eager lines (``ops.<name>`` is any operator).
``cuda``           with ``@triton.jit`` in elementwise kinds: the scalar formula, of the same arguments. In others a
                   function of arrays of the device that launches kernels: ``launch(kernel, grid, *arguments,
                   num_warps=4, BLOCK=1024)``, with ``empty(shape, dtype)`` and ``packed(array)`` (made contiguous).
``d_<argument>``   the derivative, in tensors: it names what it is handed (``grad``, arguments, ``out``,
                   ``<argument>_shape``), and only that is saved. ``d_a__b`` gives both, from ``needs``.
``check``          raises on bad arguments, which it sees as ``cpu`` does, before anything is computed.
``samples``        what tests call it with: ``samples(make)`` yields tensors or tuples of arguments, the last of which may
                   be a dict; ``make(3, 4)`` draws a tensor, ``make.indices(5, below=3)`` integers, ``make.mask(3)`` bools.
``bench``          the same for benchmarks, at sizes that matter.
``reference``      what it means in eager lines, of tensors: tests hold values and gradients against it, benchmarks time
                   it, with torch's tensors too (so it uses methods and Python's operators alone).
=================  ====================================================================================================

Kinds: :class:`Elementwise`, :class:`Reduction`, :class:`RowWise`, :class:`Scan`, :class:`View`, :class:`Creation`, and
plain :class:`Op`, which hands its arrays over as they are; the docstring of :class:`Op` lists the class keywords.

Raises:
    TypeError: while a class is being defined, for what cannot be an operator; it names the author's line.

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
from .runtime.array import empty
from .runtime.jit import libdevice, tl, triton
from .runtime.launch import launch
from .runtime.transfer import packed

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
    "empty",
    "launch",
    "libdevice",
    "ops",
    "packed",
    "tl",
    "triton",
]
