"""Parameters as one vector, and back."""

from collections.abc import Iterable

from ... import _api as tt
from ...tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def _on_one_device(parameters: Iterable[Tensor]) -> list[Tensor]:
    parameters = list(parameters)
    if len({parameter.device for parameter in parameters}) > 1:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
    return parameters


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened, in one vector, through which gradients flow back. TypeError for several devices.

    Example::

        >>> import tritorch
        >>> tritorch.nn.utils.parameters_to_vector([tritorch.ones(1, 2), tritorch.zeros(1)])
        tensor([1., 1., 0.])
    """
    return tt.cat([parameter.view(-1) for parameter in _on_one_device(parameters)])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Sets the data of the parameters, in order, to views of a vector. TypeError if ``vec`` is no tensor."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected tritorch.Tensor, but got: {tt.typename(vec)}")
    start = 0
    for parameter in _on_one_device(parameters):
        stop = start + parameter.numel()
        parameter.data = vec[start:stop].view_as(parameter).data
        start = stop
