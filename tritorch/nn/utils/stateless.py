"""A call of a module with other parameters and buffers than its own."""

import warnings
from contextlib import contextmanager

from ...tensor import Tensor
from ..modules.module import Module
from ..parallel import DataParallel

__all__ = ["functional_call"]


def _places(module: Module) -> dict[str, Tensor]:
    """All parameters and buffers by their paths, also the second and further paths to one tensor."""
    places = dict(module.named_parameters(remove_duplicate=False))
    return places | dict(module.named_buffers(remove_duplicate=False))


def _with_tied(module: Module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is given for one path of a tensor, for all its paths."""
    paths: dict[int, list[str]] = {}
    for path, tensor in _places(module).items():
        paths.setdefault(id(tensor), []).append(path)
    complete = dict(given)
    for tied in paths.values():
        chosen = [path for path in tied if path in given]
        if len({id(given[path]) for path in chosen}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(tied)}, which are tied. Consider using "
                "tie_weights=False"
            )
        for path in tied if chosen else ():
            complete[path] = given[chosen[0]]
    return complete


def _check_keys(module: Module, given: dict[str, Tensor]) -> None:
    places = _places(module)
    unexpected = [path for path in given if path not in places]
    missing = [path for path in places if path not in given]
    errors = [f"Unexpected key(s): {', '.join(map(repr, unexpected))}."] if unexpected else []
    errors += [f"Missing key(s): {', '.join(map(repr, missing))}."] if missing else []
    if errors:
        raise RuntimeError("Error(s) in reparametrizing for {}:\n\t{}".format(module._get_name(), "\n\t".join(errors)))


def _swap(module: Module, path: str, tensor):
    """Puts a tensor at a path, past ``__setattr__``, and returns what was there; None where there is no such place."""
    parent_path, _, name = path.rpartition(".")
    parent = module.get_submodule(parent_path)
    for members in (parent._parameters, parent._buffers, parent.__dict__):
        if name in members:
            before, members[name] = members[name], tensor
            return before
    raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")


@contextmanager
def _reparametrized(module: Module, tensors: dict[str, Tensor]):
    """The module with the tensors in their places, and its own back afterwards, whatever happens."""
    own: dict[str, Tensor] = {}
    try:
        for path, tensor in tensors.items():
            own[path] = _swap(module, path, tensor)
        yield module
    finally:
        for path in reversed(own):
            _swap(module, path, own[path])


def call_with(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args=None,
    kwargs: dict | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
):
    """Calls a module with other parameters and buffers; :func:`tritorch.func.functional_call` is its public name.

    Args:
        module (Module): what to call.
        parameters_and_buffers (dict): tensors by path; the others stay the module's own.
        args (any): the positional arguments, or the only one, if it is no tuple.
        kwargs (dict, optional): the keyword arguments.
        tie_weights (bool): put a tensor in all places that share one in the module. Default: ``True``
        strict (bool): raise RuntimeError unless there is a tensor for every path, and no other. Default: ``False``

    Example::

        >>> import tritorch
        >>> layer = tritorch.nn.Linear(2, 1, bias=False)
        >>> tritorch.func.functional_call(layer, {"weight": tritorch.ones(1, 2)}, tritorch.ones(2))
        tensor([2.])
    """
    if isinstance(module, DataParallel):
        raise RuntimeError("The stateless API can't be used with nn.DataParallel module")
    if not isinstance(args, tuple):
        args = () if args is None else (args,)
    tensors = _with_tied(module, parameters_and_buffers) if tie_weights else parameters_and_buffers
    if strict:
        _check_keys(module, tensors)
    with _reparametrized(module, tensors):
        return module(*args, **(kwargs or {}))


def functional_call(module: Module, parameters_and_buffers: dict[str, Tensor], args=None, kwargs=None, **options):
    """Deprecated name of :func:`tritorch.func.functional_call`, with the same arguments."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, **options)
