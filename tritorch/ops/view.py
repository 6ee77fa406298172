"""Windows that show every element: dims in another order, dims of length one put in, dropped and repeated."""

from .._C import basic_index, expanded
from ..dtypes import from_numpy as dtype_of
from ..errors import tensor_type
from ..shape import broadcast, expand_shape, wrap_dim, wrap_dims
from ._index import NEW_DIM
from ._kinds import View
from ._op import Op, ops
from ._schema import Dim, Shape, Star


def _expansions(make):
    yield make(3, 1), (2, 3, 4)
    yield make(), (2,)


def _ranks(make):
    yield make(3), make()


class alias(View, function=False, method=False):
    """The same window once more: a tensor of its own that shares memory and history."""

    def cpu(input):
        return input

    def d_input(grad):
        return grad


class expand(View, function=False):
    """The tensor repeated along dims of length one, without a copy. -1 keeps a dim as it is.

    Raises:
        RuntimeError: for fewer sizes than dims, or a size that a dim longer than one does not have.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([[1], [2]]).expand(2, 3)
        tensor([[1, 1, 1],
                [2, 2, 2]])
    """

    def cpu(input, size: Shape, *, implicit: bool = False):
        out = expanded(input, size)
        return expand_shape(input.shape, size, tensor_type(dtype_of(input.dtype))) if out is None else out

    def d_input(grad):
        return grad  # summed to the input's shape by the edge

    samples = _expansions


class expand_as(Op, function=False, has_out=False):
    """:meth:`expand` to the shape of ``other``."""

    def eager(input, other):
        return input.expand(other.shape)

    def samples(make):
        yield make(3, 1), make(2, 3, 4)


class broadcast_to(Op, has_out=False):
    """:meth:`Tensor.expand` as a function.

    Example:
        >>> import tritorch
        >>> tritorch.broadcast_to(tritorch.tensor([1, 2]), (2, 2))
        tensor([[1, 2],
                [1, 2]])
    """

    def eager(input, size: Shape):
        return input.expand(size)

    samples = _expansions


class broadcast_tensors(Op, has_out=False, method=False):
    """All the tensors, expanded to their common shape: a tuple of views.

    Raises:
        RuntimeError: if the shapes do not broadcast.

    Example:
        >>> import tritorch
        >>> a, b = tritorch.broadcast_tensors(tritorch.zeros(2, 1), tritorch.zeros(3))
        >>> a.shape, b.shape
        (tritorch.Size([2, 3]), tritorch.Size([2, 3]))
    """

    def eager(tensors: Star):
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            tensors = tensors[0]
        shape = broadcast(*[t.shape for t in tensors]) if tensors else ()
        return tuple([t.expand(shape) for t in tensors])

    def samples(make):
        yield make(3, 1), make(4)
        yield make(), make(2)


class transpose(View, inplace=True, alias="swapdims"):
    """Swaps two dims, without a copy.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(2, 3, 4).transpose(0, -1).shape
        tritorch.Size([4, 3, 2])
    """

    def cpu(input, dim0: Dim, dim1: Dim):
        return input.swapaxes(dim0, dim1) if input.ndim else input

    def d_input(grad, dim0, dim1):
        return grad.transpose(dim0, dim1)

    def samples(make):
        yield make(2, 3, 4), 0, -1


class swapaxes(Op, inplace=True, has_out=False):
    """:func:`transpose` by NumPy's name."""

    def eager(input, axis0: object, axis1: object):
        return input.transpose(axis0, axis1)

    def samples(make):
        yield make(2, 3, 4), 0, -1


class t(View, inplace=True):
    """A matrix with its two dims swapped; a vector or a 0-dim tensor as it is.

    Raises:
        RuntimeError: ``t() expects a tensor with <= 2 dimensions, but self is 3D``.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([[1, 2], [3, 4]]).t()
        tensor([[1, 3],
                [2, 4]])
    """

    def cpu(input):
        if input.ndim > 2:
            raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
        return input.T

    def d_input(grad):
        return grad.t()


class T(View, function=False, attribute=True):
    """The tensor with its dims in reverse order."""

    def cpu(input):
        return input.T

    def d_input(grad):
        return grad.T


def _matrices(name, input):
    if input.ndim == 1:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )


class mT(View, function=False, attribute=True):
    """The matrices in the last two dims, each transposed.

    Raises:
        RuntimeError: for a vector.
    """

    def cpu(input):
        _matrices("mT", input)
        return input.swapaxes(-1, -2) if input.ndim else input

    def d_input(grad):
        return grad.mT


class mH(Op, function=False, attribute=True, has_out=False):
    """The matrices in the last two dims, each transposed and conjugated.

    Raises:
        RuntimeError: for a vector.
    """

    def eager(input):
        _matrices("mH", input)
        return input.mT.conj()


class adjoint(Op, has_out=False):
    """:attr:`Tensor.mH` as a function.

    Raises:
        RuntimeError: for a vector.

    Example:
        >>> import tritorch
        >>> tritorch.adjoint(tritorch.tensor([[1, 2j]]))
        tensor([[1.-0.j],
                [0.-2.j]])
    """

    def eager(input):
        _matrices("adjoint()", input)
        return input.mT.conj()


class H(Op, function=False, attribute=True, has_out=False):
    """A matrix transposed and conjugated.

    Raises:
        RuntimeError: for anything but a matrix or a 0-dim tensor.
    """

    def eager(input):
        if input.ndim not in (0, 2):
            more = " For batches of matrices, consider using tensor.mH" if input.ndim > 2 else ""
            raise RuntimeError(
                f"tensor.H is only supported on matrices (2-D tensors). Got {input.ndim}-D tensor.{more}"
            )
        return input.mT.conj()


class permute(View):
    """The dims in the order of ``dims``, without a copy.

    Raises:
        RuntimeError: if ``dims`` are not as many as the tensor's, or one comes twice.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(2, 3, 4).permute(2, 0, 1).shape
        tritorch.Size([4, 2, 3])
    """

    def cpu(input, dims: Shape):
        try:
            return input.transpose(dims) if dims or not input.ndim else _refuse_order(input, dims)
        except ValueError:  # np.exceptions.AxisError among them
            return _refuse_order(input, dims)

    def d_input(grad, dims):
        inverse = [0] * len(dims)
        for place, dim in enumerate(dims):
            inverse[dim] = place
        return grad.permute(inverse)

    def samples(make):
        yield make(2, 3, 4), (2, 0, 1)
        yield make(2, 3, 4), (-1, 1, 0)


def _refuse_order(input, dims):
    if len(dims) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(dims)}"
        )
    for dim in dims:
        wrap_dim(dim, input.ndim)
    raise RuntimeError("permute(): duplicate dims are not allowed.")


class movedim(Op, has_out=False, alias="moveaxis"):
    """Moves dims from the places ``source`` to the places ``destination``; the others keep their order.

    Raises:
        RuntimeError: for unequal numbers of places, or one that comes twice.

    Example:
        >>> import tritorch
        >>> tritorch.movedim(tritorch.zeros(2, 3, 4), 0, -1).shape
        tritorch.Size([3, 4, 2])
    """

    def eager(input, source: object, destination: object):
        given = [[x] if isinstance(x, int) else list(x) for x in (source, destination)]
        source, destination = given
        if len(source) != len(destination):
            raise RuntimeError(
                f"movedim: Invalid source or destination dims: source ({source} dims) should contain the same number "
                f"of dims as destination ({destination} dims)"
            )
        places = []
        for name, dims in zip(("source", "destination"), given, strict=True):
            places.append([wrap_dim(d, input.ndim) for d in dims])
            if len(set(places[-1])) != len(dims):
                raise RuntimeError(f"movedim: repeated dim in `{name}` ({dims})")
        if not input.ndim:
            return ops.alias(input)
        rest = iter([d for d in range(input.ndim) if d not in places[0]])
        where = dict(zip(places[1], places[0], strict=True))
        return input.permute([where[d] if d in where else next(rest) for d in range(input.ndim)])

    def samples(make):
        yield make(2, 3, 4), 0, 2
        yield make(2, 3, 4), (0, 1), (-1, 0)


class squeeze(View, inplace=True):
    """Drops the dims of length one: all of them, or those of ``dim`` (an int or several) that are so long.

    Example:
        >>> import tritorch
        >>> x = tritorch.zeros(1, 3, 1)
        >>> x.squeeze().shape, x.squeeze(0).shape, x.squeeze((0, 1)).shape
        (tritorch.Size([3]), tritorch.Size([3, 1]), tritorch.Size([3, 1]))
    """

    def cpu(input, dim: object = None):
        shape = input.shape
        if dim is None:
            return input.squeeze()
        if isinstance(dim, int):
            dims = (wrap_dim(dim, input.ndim),) if input.ndim else wrap_dims(dim, 0)
        else:
            dims = wrap_dims(dim, input.ndim) if len(dim) else ()
        drop = tuple([d for d in dims if shape[d] == 1])
        return input.squeeze(drop) if drop else input

    def d_input(grad, input_shape):
        return grad.reshape(input_shape)

    def samples(make):
        yield make(3, 1, 4, 1)
        yield make(3, 1), 1


class unsqueeze(View, inplace=True):
    """Puts in a dim of length one before ``dim``; -1 is behind the last.

    Raises:
        IndexError: if ``dim`` is not in ``[-input.ndim - 1, input.ndim]``.

    Example:
        >>> import tritorch
        >>> tritorch.zeros(2, 3).unsqueeze(1).shape
        tritorch.Size([2, 1, 3])
    """

    def cpu(input, dim: int):
        return basic_index(input, NEW_DIM[wrap_dim(dim, input.ndim + 1)])

    def d_input(grad, dim):
        return grad.squeeze(dim)


def _atleast(tensors, grow):
    if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)):
        return grow(tensors[0])
    if len(tensors) == 1:
        tensors = tensors[0]
    return tuple([grow(t) for t in tensors])


class atleast_1d(Op, has_out=False, method=False):
    """A 0-dim tensor with one dim; others as they are. Several tensors give a tuple.

    Example:
        >>> import tritorch
        >>> tritorch.atleast_1d(tritorch.tensor(2))
        tensor([2])
    """

    def eager(tensors: Star):
        return _atleast(tensors, lambda t: t if t.ndim else t.reshape(1))

    samples = _ranks


class atleast_2d(Op, has_out=False, method=False):
    """The tensor with two dims at least, new ones in front. Several tensors give a tuple.

    Example:
        >>> import tritorch
        >>> tritorch.atleast_2d(tritorch.tensor([1, 2]))
        tensor([[1, 2]])
    """

    def eager(tensors: Star):
        return _atleast(tensors, lambda t: t if t.ndim > 1 else t.unsqueeze(0) if t.ndim else t.reshape(1, 1))

    samples = _ranks


class atleast_3d(Op, has_out=False, method=False):
    """The tensor with three dims at least: a vector of n becomes (1, n, 1), a matrix (m, n) becomes (m, n, 1).
    Several tensors give a tuple.

    Example:
        >>> import tritorch
        >>> tritorch.atleast_3d(tritorch.zeros(2, 3)).shape
        tritorch.Size([2, 3, 1])
    """

    def eager(tensors: Star):
        def grow(t):
            if t.ndim > 2:
                return t
            return t.unsqueeze(-1) if t.ndim == 2 else t.unsqueeze(0).unsqueeze(-1) if t.ndim else t.reshape(1, 1, 1)

        return _atleast(tensors, grow)

    samples = _ranks
