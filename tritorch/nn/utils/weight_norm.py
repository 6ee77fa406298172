"""Weight normalization by a hook before each call."""

import warnings

from ...tensor import Tensor
from ..modules.module import Module
from ..parameter import Parameter, is_lazy
from ._norms import norm_except_dim, weight_normed

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]


class WeightNorm:
    """The hook of :func:`weight_norm`.

    Args:
        name (str): of the weight.
        dim (int): of the outputs; -1 for one norm of all.
    """

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight from its direction and its norm."""
        return weight_normed(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> "WeightNorm":
        """Puts direction and norm in place of the weight, and the hook on the module."""
        if _find(module, name) is not None:
            raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying weight normalization"
            )
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, hook.dim).data))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Puts the weight back as a parameter."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"], module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module: Module, inputs) -> None:
        setattr(module, self.name, self.compute_weight(module))


def _find(module: Module, name: str) -> int | None:
    """The id of the hook on a weight."""
    for hook_id, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            return hook_id
    return None


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learns a weight as ``g v / |v|``: its direction, ``name_v``, and its norm, ``name_g``, apart.

    Deprecated in favour of :func:`tritorch.nn.utils.parametrizations.weight_norm`.
    Source: Salimans and Kingma, Weight Normalization (2016).

    Args:
        module (Module): whose weight.
        name (str): which. Default: ``"weight"``
        dim (int or None): the dimension that keeps norms of its own; None for one norm of all. Default: 0

    Returns:
        the module. A second time RuntimeError is raised.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Takes :func:`weight_norm` back; ValueError where it is not there."""
    hook_id = _find(module, name)
    if hook_id is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    module._forward_pre_hooks.pop(hook_id).remove(module)
    return module
