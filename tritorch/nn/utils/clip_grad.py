"""Limits for gradients."""

import warnings
from collections.abc import Iterable
from types import GeneratorType

from ... import _api as tt
from ... import linalg
from ...tensor import Tensor

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

_Tensors = Tensor | Iterable[Tensor]


def _as_list(tensors: _Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _grads(parameters: _Tensors) -> list[Tensor]:
    return [parameter.grad for parameter in _as_list(parameters) if parameter.grad is not None]


@tt.no_grad()
def get_total_norm(
    tensors: _Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors as if they were one vector.

    Args:
        tensors (Tensor or iterable of Tensor): what to take the norm of.
        norm_type (float): which norm; may be infinity. Default: 2
        error_if_nonfinite (bool): raise RuntimeError if the norm is infinite or NaN. Default: ``False``
        foreach (bool, optional): accepted.

    Returns:
        a tensor of no dimensions, on the device of the first.
    """
    tensors = _as_list(tensors)
    if not tensors:
        return tt.tensor(0.0)
    norm_type, device = float(norm_type), tensors[0].device
    norms = [linalg.vector_norm(tensor, norm_type).to(device) for tensor in tensors]
    total = linalg.vector_norm(tt.stack(norms), norm_type)
    if error_if_nonfinite and not total.isfinite():
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@tt.no_grad()
def clip_grads_with_norm_(
    parameters: _Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scales the gradients, in place, by ``max_norm / (total_norm + 1e-6)``, where that is below 1.

    Args:
        parameters (Tensor or iterable of Tensor): whose gradients to scale.
        max_norm (float): what their norm is to be at most.
        total_norm (Tensor): what it is.
        foreach (bool, optional): accepted.
    """
    factor = tt.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    for grad in _grads(parameters):
        grad.mul_(factor.to(grad.device))


@tt.no_grad()
def clip_grad_norm_(
    parameters: _Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales the gradients, in place, so that their norm as one vector is at most ``max_norm``.

    Args:
        parameters (Tensor or iterable of Tensor): whose gradients to scale.
        max_norm (float): the limit.
        norm_type (float): which norm; may be infinity. Default: 2
        error_if_nonfinite (bool): raise RuntimeError if the norm is infinite or NaN. Default: ``False``
        foreach (bool, optional): accepted.

    Returns:
        the norm before.

    Example::

        >>> import tritorch
        >>> p = tritorch.nn.Parameter(tritorch.zeros(2))
        >>> p.grad = tritorch.tensor([3.0, 4.0])
        >>> tritorch.nn.utils.clip_grad_norm_(p, 1.0)
        tensor(5.)
        >>> p.grad
        tensor([0.6000, 0.8000])
    """
    given, parameters = parameters, _as_list(parameters)
    if isinstance(given, GeneratorType) and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    total = get_total_norm(_grads(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(
    parameters: _Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Deprecated name of :func:`clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@tt.no_grad()
def clip_grad_value_(parameters: _Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limits every element of the gradients, in place, to between ``-clip_value`` and ``clip_value``.

    Args:
        parameters (Tensor or iterable of Tensor): whose gradients to limit.
        clip_value (float): the limit.
        foreach (bool, optional): accepted.
    """
    for grad in _grads(parameters):
        grad.clamp_(min=-float(clip_value), max=float(clip_value))
