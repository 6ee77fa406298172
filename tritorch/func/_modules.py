"""Modules as functions of their parameters, and ensembles of them."""

from collections.abc import Sequence
from typing import Any

from .. import _api as tt
from ..nn import Module
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.utils.stateless import call_with

__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Any] | Sequence[dict[str, Any]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls a module with other parameters and buffers.

    Args:
        module (Module): what to call.
        parameter_and_buffer_dicts: tensors by path, or several such dicts; the others stay the module's own.
        args: the positional arguments, or the only one, if it is no tuple.
        kwargs (dict, optional): the keyword arguments.
        tie_weights (bool): put a tensor in all places that share one in the module. Default: ``True``
        strict (bool): raise RuntimeError unless there is a tensor for every path, and no other. Default: ``False``

    >>> import tritorch
    >>> layer = tritorch.nn.Linear(2, 1, bias=False)
    >>> tritorch.func.functional_call(layer, {"weight": tritorch.ones(1, 2)}, tritorch.ones(2))
    tensor([2.])
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, (dict, Sequence)):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(given)}"
        )
    dicts = (given,) if isinstance(given, dict) else given
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    tensors: dict[str, Any] = {}
    for one in dicts:
        repeated = list(tensors.keys() & one.keys())
        if repeated:
            raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        tensors.update(one)
    return call_with(module, tensors, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Sequence[Module] | Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the parameters and the buffers of several modules of one class, stacked in a new first dimension.

    >>> import tritorch
    >>> parameters, buffers = tritorch.func.stack_module_state([tritorch.nn.Linear(2, 1) for _ in range(3)])
    >>> parameters["weight"].shape
    tritorch.Size([3, 1, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    return (
        _stacked([dict(model.named_parameters()) for model in models]),
        _stacked([dict(model.named_buffers()) for model in models]),
    )


def _stacked(states: list[dict[str, Any]]) -> dict[str, Any]:
    together = {}
    for path in states[0]:
        tensors = [state[path] for state in states]
        if len({t.requires_grad for t in tensors}) > 1:
            raise RuntimeError(f"Expected {path} from each model to have the same .requires_grad")
        stacked = tt.stack([t.detach() for t in tensors])
        together[path] = stacked.requires_grad_(tensors[0].requires_grad)
    return together


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Takes the running statistics out of all batch norms in :attr:`root`, which then use the batch's; returns it.

    >>> import tritorch
    >>> tritorch.func.replace_all_batch_norm_modules_(tritorch.nn.BatchNorm1d(2)).running_mean is None
    True
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
