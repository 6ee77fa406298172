"""Comparisons, element by element, with broadcasting: bool."""

import numpy as np

from ._kinds import Elementwise


class eq(Elementwise, operator="==", inplace=True, numbers="other", result="bool", ufunc=np.equal, kinds="biufcV"):
    """Whether: the elements are equal."""

    def cpu(input, other):
        return np.equal(input, other)


class ne(Elementwise, operator="!=", inplace=True, numbers="other", result="bool", ufunc=np.not_equal, kinds="biufcV", alias="not_equal"):
    """Whether: the elements differ."""

    def cpu(input, other):
        return np.not_equal(input, other)


class lt(Elementwise, operator="<", inplace=True, numbers="other", result="bool", ufunc=np.less, kinds="biufV", alias="less"):
    """Whether: the first is smaller."""

    def cpu(input, other):
        return np.less(input, other)


class le(Elementwise, operator="<=", inplace=True, numbers="other", result="bool", ufunc=np.less_equal, kinds="biufV", alias="less_equal"):
    """Whether: the first is not larger."""

    def cpu(input, other):
        return np.less_equal(input, other)


class gt(Elementwise, operator=">", inplace=True, numbers="other", result="bool", ufunc=np.greater, kinds="biufV", alias="greater"):
    """Whether: the first is larger."""

    def cpu(input, other):
        return np.greater(input, other)


class ge(Elementwise, operator=">=", inplace=True, numbers="other", result="bool", ufunc=np.greater_equal, kinds="biufV", alias="greater_equal"):
    """Whether: the first is not smaller."""

    def cpu(input, other):
        return np.greater_equal(input, other)


class isnan(Elementwise, result="bool", ufunc=np.isnan, kinds="fc"):
    """Whether each element is NaN."""

    def cpu(input):
        return np.isnan(input)


class isinf(Elementwise, result="bool", ufunc=np.isinf, kinds="fc"):
    """Whether each element is infinite."""

    def cpu(input):
        return np.isinf(input)


class isfinite(Elementwise, result="bool", ufunc=np.isfinite, kinds="fc"):
    """Whether each element is finite."""

    def cpu(input):
        return np.isfinite(input)
