"""Logical and bitwise operators, element by element."""

import numpy as np

from ._kinds import Elementwise


class logical_and(Elementwise, inplace=True, result="bool", ufunc=np.logical_and, kinds="b"):
    """Logical and of whether the elements are not zero."""

    def cpu(input, other):
        return np.logical_and(input, other)


class logical_or(Elementwise, inplace=True, result="bool", ufunc=np.logical_or, kinds="b"):
    """Logical or of whether the elements are not zero."""

    def cpu(input, other):
        return np.logical_or(input, other)


class logical_xor(Elementwise, inplace=True, result="bool", ufunc=np.logical_xor, kinds="b"):
    """Logical xor of whether the elements are not zero."""

    def cpu(input, other):
        return np.logical_xor(input, other)


class logical_not(Elementwise, inplace=True, result="bool", ufunc=np.logical_not, kinds="b"):
    """Whether each element is zero."""

    def cpu(input):
        return np.logical_not(input)


class bitwise_and(Elementwise, operator="&", inplace=True, numbers="input other", ufunc=np.bitwise_and, kinds="biu"):
    """Bitwise and of integers; logical and of bools."""

    def cpu(input, other):
        return np.bitwise_and(input, other)


class bitwise_or(Elementwise, operator="|", inplace=True, numbers="input other", ufunc=np.bitwise_or, kinds="biu"):
    """Bitwise or of integers; logical or of bools."""

    def cpu(input, other):
        return np.bitwise_or(input, other)


class bitwise_xor(Elementwise, operator="^", inplace=True, numbers="input other", ufunc=np.bitwise_xor, kinds="biu"):
    """Bitwise xor of integers; logical xor of bools."""

    def cpu(input, other):
        return np.bitwise_xor(input, other)


class bitwise_not(Elementwise, operator="unary ~", inplace=True, ufunc=np.invert, kinds="biu"):
    """All bits turned; logical not of bools."""

    def cpu(input):
        return np.invert(input)
