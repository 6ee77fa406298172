"""Parameters that are computed from others: functions, as modules, put on a parameter or buffer.

``module.weight`` is then computed at each access, from ``module.parametrizations.weight.original``.
"""

from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from ... import _api as tt
from ...tensor import Tensor
from ..modules.container import ModuleDict
from ..modules.module import Module
from ..parameter import Parameter
from ._parametrization_list import ParametrizationList, expect_same, register_original

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]


class _Cache:
    """Computed tensors by module and name, while any :func:`cached` block is open."""

    depth = 0
    tensors: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached():
    """In this block each parametrised tensor is computed once, at its first access."""
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.tensors = {}


def _computed(name: str) -> property:
    """The property that computes a tensor, and whose assignment goes back to the originals."""

    def get(self):
        parametrization = self.parametrizations[name]
        if not _Cache.depth:
            return parametrization()
        key = id(self), name
        if key not in _Cache.tensors:
            _Cache.tensors[key] = parametrization()
        return _Cache.tensors[key]

    def set(self, value):
        self.parametrizations[name].right_inverse(value)

    return property(get, set)


def _deepcopy(self: Any, memo: dict) -> Any:
    if id(self) not in memo:
        copied = memo[id(self)] = self.__new__(type(self))
        copied.__dict__ = deepcopy(self.__dict__, memo)
    return memo[id(self)]


def _refuse_pickle(self):
    raise RuntimeError("Serialization of parametrized modules is only supported through state_dict().")


def _give_own_class(module: Module) -> None:
    """Makes the module the only one of a new subclass, to hang properties on."""
    base = type(module)
    members = {"__getstate__": _refuse_pickle}
    if not hasattr(base, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), members)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Computes a parameter or buffer of a module by another module from now on; again, on top of the first.

    Args:
        module (Module): whose tensor.
        tensor_name (str): which; ValueError if there is none of that name.
        parametrization (Module): called with the original; its ``right_inverse``, if it has one, makes the original
            from the tensor that is there, and from what is assigned later. It may give several, which are then
            ``original0``, ``original1``, ...
        unsafe (bool): allow the shape or type to change. Default: ``False``

    Returns:
        the module.

    Example::

        >>> import tritorch
        >>> from tritorch import nn
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).mT
        >>> layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.mT).all())
        True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_on_top(module, tensor_name, parametrization)
        module.parametrizations[tensor_name].append(parametrization)
        module.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        parametrizations = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_own_class(module)
            module.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, _computed(tensor_name))
        module.parametrizations[tensor_name] = parametrizations
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _check_on_top(module: Module, name: str, parametrization: Module) -> None:
    """Raises ValueError unless a further parametrization, and its inverse, keep shape and type."""
    before = getattr(module, name)
    after = parametrization(before)
    what = "Registering a parametrization may not change the {} of the tensor, unless the `unsafe` flag is enabled."
    names = f"module.{name}", f"parametrization(module.{name})"
    expect_same(after, before, "A parametrization must return a tensor. Got {}.", what, names)
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(after)
    except NotImplementedError:
        return
    what = (
        "The tensor returned by parametrization.right_inverse must have the same {} as "
        f"module.{name}, unless the `unsafe` flag is enabled."
    )
    names = names[0], "returned"
    expect_same(back, before, "parametrization.right_inverse must return a tensor. Got: {}", what, names)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has a parametrised tensor, or whether that of a name is."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Makes a parametrised tensor an ordinary one again.

    Args:
        module (Module): whose tensor.
        tensor_name (str): which; ValueError if it is not parametrised.
        leave_parametrized (bool): keep the computed value; if not, the original one, of which there must be one alone,
            else ValueError. Default: ``True``
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with tt.no_grad():
                original.data = getattr(module, tensor_name).data
    elif leave_parametrized:
        computed = getattr(module, tensor_name)
        original = Parameter(computed) if computed.requires_grad else computed
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    register_original(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that a module had before it was parametrised."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Puts the parametrizations of a module, with their originals, on another.

    Args:
        from_module (Module): which has them.
        to_module (Module): which gets them.
        tensor_name (str, optional): of which tensor. Default: of all

    Returns:
        ``to_module``.
    """
    if not is_parametrized(from_module):
        return to_module
    for name in from_module.parametrizations if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        source = from_module.parametrizations[name]
        for parametrization in source:
            register_parametrization(to_module, name, parametrization)
        for original in source.original_names():
            setattr(to_module.parametrizations[name], original, getattr(source, original))
    return to_module
