"""Derivatives of sampled functions."""

from ._op import Op, TensorBase, ops


def _along(x, dim):
    """Its function ``x[start : stop]`` along ``dim``, counted from the end where negative."""
    size = x.shape[dim]

    def part(start, stop):
        start, stop = start % (size + 1) if start < 0 else start, stop + size if stop <= 0 else stop
        return x.narrow(dim, start, stop - start)

    return part


def _even(x, step, dim, edge_order):
    """The derivative along ``dim`` from points ``step`` apart."""
    part, n = _along(x, dim), x.shape[dim]
    middle = (part(2, n) - part(0, n - 2)) / (2 * step)
    if edge_order == 1:
        first, last = (part(1, 2) - part(0, 1)) / step, (part(n - 1, n) - part(n - 2, n - 1)) / step
    else:
        first = (part(1, 2) * 2 - part(0, 1) * 1.5 - part(2, 3) * 0.5) / step
        last = (part(n - 1, n) * 1.5 - part(n - 2, n - 1) * 2 + part(n - 3, n - 2) * 0.5) / step
    return ops.cat([first, middle, last], dim)


def _uneven(x, at, dim, edge_order):
    """The derivative along ``dim`` from the points ``at``: of the parabola through each three neighbours."""
    part, n = _along(x, dim), x.shape[dim]
    steps = at.narrow(0, 1, n - 1) - at.narrow(0, 0, n - 1)
    left, right = steps.narrow(0, 0, n - 2), steps.narrow(0, 1, n - 2)
    shape = [-1 if d == dim else 1 for d in range(x.ndim)]
    a = (-right / (left * (left + right))).reshape(shape)
    b = ((right - left) / (left * right)).reshape(shape)
    c = (left / (right * (left + right))).reshape(shape)
    middle = a * part(0, n - 2) + b * part(1, n - 1) + c * part(2, n)
    if edge_order == 1:
        first = (part(1, 2) - part(0, 1)) / steps[0]
        last = (part(n - 1, n) - part(n - 2, n - 1)) / steps[n - 2]
    else:
        u, v = steps[0], steps[1]
        first = (
            -(2 * u + v) / (u * (u + v)) * part(0, 1) + (u + v) / (u * v) * part(1, 2) - u / (v * (u + v)) * part(2, 3)
        )
        u, v = steps[n - 3], steps[n - 2]
        last = v / (u * (u + v)) * part(n - 3, n - 2) - (u + v) / (u * v) * part(n - 2, n - 1)
        last = last + (2 * v + u) / (v * (u + v)) * part(n - 1, n)
    return ops.cat([first, middle, last], dim)


def _dims(input, spacing, dim, edge_order):
    """(dims, a spacing for each), checked."""
    if input.dtype.name == "uint8":
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = range(input.ndim) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    several = isinstance(spacing, (list, tuple))
    if several and dim is None and len(spacing) != input.ndim:
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{input.ndim}', since dim argument was not given, but got a list of length {len(spacing)}"
        )
    if several and len(spacing) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same "
            f"length, but got a spacing argument of length {len(spacing)} and a dim argument of length {len(dims)}."
        )
    wrapped = []
    for d in dims:
        if not -input.ndim <= d < input.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got {d})"
            )
        if d % input.ndim in wrapped:
            raise RuntimeError(f"dim {d % input.ndim} appears multiple times in the list of dims")
        wrapped.append(d % input.ndim)
        if input.shape[d] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return wrapped, list(spacing) if several else [spacing] * len(wrapped)


class gradient(Op, method=False, has_out=False):
    """The derivatives, along each of ``dim`` (None: all), of a function known at a grid of points: central differences,
    and at both ends one-sided ones, exact for lines (``edge_order=1``) or parabolas (2). A tuple.

    ``spacing`` is the distance of the points: a number, or for each dim a number or a vector of their coordinates.

    Example:
        >>> import tritorch
        >>> tritorch.gradient(tritorch.tensor([1.0, 2.0, 4.0, 8.0]), spacing=0.5)
        (tensor([2., 3., 6., 8.]),)
    """

    def eager(input, *, spacing: object = 1, dim: object = None, edge_order: int = 1):
        dims, steps = _dims(input, 1 if spacing is None else spacing, dim, edge_order)
        out = []
        for d, step in zip(dims, steps, strict=True):
            if not isinstance(step, TensorBase):
                out.append(_even(input, step, d, edge_order))
                continue
            if step.ndim != 1 and isinstance(spacing, (list, tuple)):
                raise RuntimeError(
                    "torch.gradient expected each element of spacing to have one dimension, but got an element with "
                    f"{step.ndim} dimensions!"
                )
            out.append(_uneven(input, step, d, edge_order) if step.ndim else _even(input, step.item(), d, edge_order))
        return tuple(out)
