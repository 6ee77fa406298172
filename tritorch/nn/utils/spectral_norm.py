"""Spectral normalization by a hook before each call."""

from ... import _api as tt
from ... import linalg
from ...tensor import Tensor
from ..modules.module import Module
from ..parameter import Parameter, is_lazy
from ._norms import as_matrix, output_dim, power_step, random_unit

__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]

_STATE = "spectral_norm"


class SpectralNorm:
    """The hook of :func:`spectral_norm`, whose arguments these are."""

    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight over its largest singular value, of which ``u`` and ``v`` are the estimated vectors."""
        weight, u, v = (getattr(module, self.name + suffix) for suffix in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with tt.no_grad():
                for _ in range(self.n_power_iterations):
                    power_step(matrix, u, v, self.eps)
            u, v = u.clone(), v.clone()  # the next call writes to the buffers, this one's graph needs the values
        return weight / tt.dot(u, tt.mv(matrix, v))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> "SpectralNorm":
        """Puts ``name_orig`` and the buffers ``name_u``, ``name_v`` in place of the weight, and the hooks on."""
        if _find(module._forward_pre_hooks, name) is not None:
            raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying spectral normalization"
            )
        with tt.no_grad():
            height, width = as_matrix(weight, dim).size()
            u, v = random_unit(weight, height, eps), random_unit(weight, width, eps)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.data)  # a plain attribute: it is computed anew before each call
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook

    def remove(self, module: Module) -> None:
        """Puts the weight back as a parameter."""
        with tt.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


class _OfSpectralNorm:
    """A hook on saving or loading that belongs to a spectral norm."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    @property
    def name(self) -> str:
        return self.fn.name


class SpectralNormStateDictHook(_OfSpectralNorm):
    """Notes the version in the state's metadata."""

    def __call__(self, module, state_dict, prefix, local_metadata) -> None:
        versions = local_metadata.setdefault(_STATE, {})
        key = self.name + ".version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.fn._version


class SpectralNormLoadStateDictPreHook(_OfSpectralNorm):
    """Makes ``name_v`` for states of before version 1, which have the computed weight instead."""

    def __call__(self, state_dict, prefix, local_metadata, strict, missing_keys, *_) -> None:
        version = local_metadata.get(_STATE, {}).get(self.name + ".version")
        key = prefix + self.name
        is_new = {key + "_orig", key + "_u", key + "_v"} <= set(state_dict) and key not in state_dict
        if is_new if version is None else version >= 1:
            return
        missing = [key + suffix for suffix in ("_orig", "", "_u") if key + suffix not in state_dict]
        if missing:
            missing_keys.extend(missing if strict else [])
            return
        with tt.no_grad():
            original, weight, u = state_dict[key + "_orig"], state_dict.pop(key), state_dict[key + "_u"]
            sigma = (original / weight).mean()
            matrix = as_matrix(original, self.fn.dim)
            v = linalg.pinv(matrix.t().mm(matrix)).mm(matrix.t()).mv(u)
            state_dict[key + "_v"] = v * (sigma / tt.dot(u, tt.mv(matrix, v)))


def _find(hooks, name: str) -> int | None:
    """The id of the spectral norm's hook among some hooks."""
    for hook_id, hook in hooks.items():
        hook = getattr(hook, "hook", hook)
        if isinstance(hook, SpectralNorm | _OfSpectralNorm) and hook.name == name:
            return hook_id
    return None


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divides a weight by its largest singular value, which is estimated by power iteration at each call in training.

    Source: Miyato et al., Spectral Normalization for Generative Adversarial Networks (2018).

    Args:
        module (Module): whose weight.
        name (str): which. Default: ``"weight"``
        n_power_iterations (int): steps a call. Default: 1
        eps (float): the least norm to divide by. Default: 1e-12
        dim (int, optional): the dimension of the outputs. Default: 0, for transposed convolutions 1

    Returns:
        the module.

    Example::

        >>> import tritorch
        >>> layer = tritorch.nn.utils.spectral_norm(tritorch.nn.Linear(20, 40))
        >>> layer.weight_u.size()
        tritorch.Size([40])
    """
    SpectralNorm.apply(module, name, n_power_iterations, output_dim(module) if dim is None else dim, eps)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Takes :func:`spectral_norm` back; ValueError where it is not there."""
    hook_id = _find(module._forward_pre_hooks, name)
    if hook_id is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    module._forward_pre_hooks.pop(hook_id).remove(module)
    for hooks in (module._state_dict_hooks, module._load_state_dict_pre_hooks):
        hooks.pop(_find(hooks, name), None)
    return module
