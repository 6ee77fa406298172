"""Logic on truth values, and on the bits of integers."""

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ..runtime.jit import tl, triton
from ._formulas import common_divisor
from ._kinds import Elementwise


class logical_and(Elementwise, inplace=True, result="bool", ufunc=np.logical_and, kinds="biufc"):
    """Whether both elements are true; zero is false.

    Example:
        >>> import tritorch
        >>> tritorch.logical_and(tritorch.tensor([0, 1, 2]), tritorch.tensor([1, 1, 0]))
        tensor([False,  True, False])
    """

    def cpu(input, other):
        return np.logical_and(input, other)

    @triton.jit
    def cuda(input, other):
        return (input != 0) & (other != 0)


class logical_or(Elementwise, inplace=True, result="bool", ufunc=np.logical_or, kinds="biufc"):
    """Whether one of the elements is true; zero is false.

    Example:
        >>> import tritorch
        >>> tritorch.logical_or(tritorch.tensor([0, 1, 0]), tritorch.tensor([1, 1, 0]))
        tensor([ True,  True, False])
    """

    def cpu(input, other):
        return np.logical_or(input, other)

    @triton.jit
    def cuda(input, other):
        return (input != 0) | (other != 0)


class logical_xor(Elementwise, inplace=True, result="bool", ufunc=np.logical_xor, kinds="biufc"):
    """Whether exactly one of the elements is true; zero is false.

    Example:
        >>> import tritorch
        >>> tritorch.logical_xor(tritorch.tensor([0, 1, 0]), tritorch.tensor([1, 1, 0]))
        tensor([ True, False, False])
    """

    def cpu(input, other):
        return np.logical_xor(input, other)

    @triton.jit
    def cuda(input, other):
        return (input != 0) ^ (other != 0)


class logical_not(Elementwise, inplace=True, result="bool", ufunc=np.logical_not, kinds="biufc"):
    """Whether each element is zero.

    Example:
        >>> import tritorch
        >>> tritorch.logical_not(tritorch.tensor([0, 1, 2]))
        tensor([ True, False, False])
    """

    def cpu(input):
        return np.logical_not(input)

    @triton.jit
    def cuda(input):
        return input == 0


class bitwise_and(
    Elementwise, operator="&", inplace=True, numbers="input other", only="bui", ufunc=np.bitwise_and, kinds="biu"
):
    """The bits that are set in both elements; of bools, whether both are true.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([6, 5]) & 3
        tensor([2, 1])
    """

    def cpu(input, other):
        return np.bitwise_and(input, other)

    @triton.jit
    def cuda(input, other):
        return input & other


class bitwise_or(
    Elementwise, operator="|", inplace=True, numbers="input other", only="bui", ufunc=np.bitwise_or, kinds="biu"
):
    """The bits that are set in one of the elements; of bools, whether one is true.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([6, 5]) | 3
        tensor([7, 7])
    """

    def cpu(input, other):
        return np.bitwise_or(input, other)

    @triton.jit
    def cuda(input, other):
        return input | other


class bitwise_xor(
    Elementwise, operator="^", inplace=True, numbers="input other", only="bui", ufunc=np.bitwise_xor, kinds="biu"
):
    """The bits that are set in exactly one of the elements; of bools, whether exactly one is true.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([6, 5]) ^ 3
        tensor([5, 6])
    """

    def cpu(input, other):
        return np.bitwise_xor(input, other)

    @triton.jit
    def cuda(input, other):
        return input ^ other


class bitwise_not(Elementwise, operator="unary ~", inplace=True, ufunc=np.invert, kinds="biu", only="biu"):
    """The bits that are not set; of bools, the opposite.

    Raises:
        TypeError: for floating and complex tensors.

    Example:
        >>> import tritorch
        >>> ~tritorch.tensor([True, False])
        tensor([False,  True])
    """

    def check(input):
        if dtype_of(input.dtype).category > 1:
            raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")

    def cpu(input):
        return np.invert(input)

    @triton.jit
    def cuda(input):
        return ~input


class bitwise_left_shift(
    Elementwise, operator="<<", inplace=True, numbers="input other", only="ui", kernel="lshift_cpu",
    ufunc=np.left_shift, kinds="iu",
):  # fmt: skip
    """The bits of :attr:`input` moved up by :attr:`other` places; nothing is left by more places than there are.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([1, 3]) << 2
        tensor([ 4, 12])
    """

    def cpu(input, other):
        return np.left_shift(input, other)

    @triton.jit
    def cuda(input, other):
        fits = (other >= 0) & (other < input.dtype.primitive_bitwidth)
        return tl.where(fits, input << tl.where(fits, other, 0), 0)

    def samples(make):
        yield make.indices(3, 4, below=8), make.indices(4, below=8)
        yield make(3, 4), 2


class bitwise_right_shift(
    Elementwise, operator=">>", inplace=True, numbers="input other", only="ui", kernel="rshift_cpu",
    ufunc=np.right_shift, kinds="iu",
):  # fmt: skip
    """The bits of :attr:`input` moved down by :attr:`other` places; the sign stays.

    Example:
        >>> import tritorch
        >>> tritorch.tensor([8, -8]) >> 2
        tensor([ 2, -2])
    """

    def cpu(input, other):
        return np.right_shift(input, other)

    @triton.jit
    def cuda(input, other):
        fits = (other >= 0) & (other < input.dtype.primitive_bitwidth)
        return tl.where(fits, input >> tl.where(fits, other, 0), -(input < 0).to(input.dtype))

    def samples(make):
        yield make.indices(3, 4, below=8), make.indices(4, below=8)
        yield make(3, 4), 2


class gcd(Elementwise, inplace=True, only="ui", ufunc=np.gcd, kinds="iu"):
    """The greatest common divisor of two integers, not negative.

    Example:
        >>> import tritorch
        >>> tritorch.gcd(tritorch.tensor([12, -8]), tritorch.tensor([18, 12]))
        tensor([6, 4])
    """

    def cpu(input, other):
        return np.gcd(input, other)

    @triton.jit
    def cuda(input, other):
        return common_divisor(input, other)


class lcm(Elementwise, inplace=True, only="ui", ufunc=np.lcm, kinds="iu"):
    """The least common multiple of two integers, not negative.

    Example:
        >>> import tritorch
        >>> tritorch.lcm(tritorch.tensor([4, 6]), tritorch.tensor([6, 9]))
        tensor([12, 18])
    """

    def cpu(input, other):
        return np.lcm(input, other)

    @triton.jit
    def cuda(input, other):
        divisor = common_divisor(input, other)
        return tl.abs(input) // tl.where(divisor == 0, 1, divisor) * tl.abs(other)
