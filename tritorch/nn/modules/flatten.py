"""Dimensions merged into one, and one divided."""

from ...tensor import Tensor
from ._declared import declared
from .module import Module

__all__ = ["Flatten", "Unflatten"]


@declared("start_dim={start_dim}, end_dim={end_dim}")
class Flatten(Module):
    """Merges the dimensions from ``start_dim`` to ``end_dim``, by default all but the first.

    Args:
        start_dim (int): the first to merge. Default: 1
        end_dim (int): the last to merge. Default: -1

    Example::

        >>> import tritorch
        >>> tritorch.nn.Flatten()(tritorch.randn(32, 1, 5, 5)).shape
        tritorch.Size([32, 25])
    """

    start_dim: int = 1
    end_dim: int = -1

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)


@declared("dim={dim}, unflattened_size={unflattened_size}")
class Unflatten(Module):
    """Divides a dimension into several.

    Args:
        dim (int): which.
        unflattened_size (tuple of int): into which sizes; one may be -1. TypeError if it is no tuple or list of ints.

    Example::

        >>> import tritorch
        >>> tritorch.nn.Unflatten(1, (2, 5, 5))(tritorch.randn(2, 50)).shape
        tritorch.Size([2, 2, 5, 5])
    """

    dim: int
    unflattened_size: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.unflattened_size, tuple | list):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(self.unflattened_size).__name__}"
            )
        for position, size in enumerate(self.unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(size).__name__} at pos {position}"
                )

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)
