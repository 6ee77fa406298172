"""What the families of pointwise operators share."""

from ._kinds import Elementwise


def no_derivative(name):
    """A derivative that torch does not have either: it raises where backward comes to it."""

    def derivative(grad):
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return derivative


class Function(Elementwise, kind=True):
    """A function of one element that is a ufunc of real numbers: integers give the default dtype."""

    result = "float"
    kinds = "f"
    only = "buif"

    def cpu(input):
        """The schema; what runs is the ufunc."""

    @classmethod
    def loop(cls):
        cls.cpu = staticmethod(cls.ufunc)
        return super().loop()


class Function2(Function, kind=True):
    """A function of two elements, either of which may be a number."""

    numbers = "input other"

    def cpu(input, other):
        """The schema; what runs is the ufunc."""
