"""One module on several devices of one process."""

from ...tensor import Tensor
from ..modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


def _check_devices(name: str, device_ids) -> None:
    if device_ids is not None and len(device_ids) > 1:
        raise RuntimeError(f"{name}: expected at most one of device_ids, for there is one device, got {device_ids}")


class DataParallel(Module):
    """A module whose batches would be divided between devices. With one, or on the CPU, it is called as it is.

    Args:
        module (Module): what to call; its parameters are found under ``module.``.
        device_ids (list, optional): at most one; more raise RuntimeError.
        output_device (optional): accepted.
        dim (int): accepted. Default: 0

    Example::

        >>> import tritorch
        >>> parallel = tritorch.nn.DataParallel(tritorch.nn.Linear(2, 1))
        >>> list(parallel.state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(self, module: Module, device_ids=None, output_device=None, dim: int = 0) -> None:
        super().__init__()
        _check_devices("DataParallel", device_ids)
        self.module = module
        self.device_ids = list(device_ids or [])
        self.output_device = output_device
        self.dim = dim

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module, inputs, device_ids=None, output_device=None, dim: int = 0, module_kwargs: dict | None = None
) -> Tensor:
    """Calls a module as :class:`DataParallel` does; ``inputs`` is a tuple, or one tensor."""
    _check_devices("data_parallel", device_ids)
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))
