"""Where loaded tensors go: ``map_location``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _api as tt


def parse_device(*where: Any) -> tt.device:
    """A device by what a file calls it. Raises ValueError for what is none."""
    try:
        return tt.device(*where)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


class Placer:
    """Decides where stored tensors go.

    Args:
        map_location: None puts a tensor on the device that it was saved from; a string or device puts all there; a dict
            maps names of devices, and leaves those that it lacks; a callable gets a flat tensor on the CPU and the
            name, and returns the tensor to use, or None to have it as without.

    Raises:
        TypeError: for anything else.
    """

    def __init__(self, map_location: Any = None):
        self._names: dict[str, Any] = {}
        self._everywhere: Any = None
        self._call: Callable[[tt.Tensor, str], Any] | None = None
        if isinstance(map_location, str | tt.device):
            self._everywhere = tt.device(map_location)
        elif isinstance(map_location, dict):
            self._names = {str(name): target for name, target in map_location.items()}
        elif callable(map_location):
            self._call = map_location
        elif map_location is not None:
            raise TypeError(
                f"map_location should be a device, a string, a dict or a callable, not {type(map_location).__name__}"
            )

    def _target(self, device: str) -> tt.device:
        return self._everywhere or parse_device(self._names.get(device, device))

    def stays(self, device: str) -> bool:
        """Whether tensors from that device are used as they were read, on the CPU."""
        return self._call is None and self._target(device).type == "cpu"

    def place(self, tensor: tt.Tensor, device: str) -> tt.Tensor:
        """The tensor to use for one on the CPU that was saved from :attr:`device`.

        Raises:
            RuntimeError: if its device is not here.
        """
        result = self._call(tensor, device) if self._call else None
        if result is not None:
            return result
        target = self._target(device)
        if target.type == "cpu":
            return tensor
        try:
            return tensor.to(target)
        except (RuntimeError, NotImplementedError, AssertionError):
            raise RuntimeError(
                f"Attempting to deserialize object on device {target}, which is not available here. If you are running "
                "on a CPU-only machine, please use load with map_location=tritorch.device('cpu') to map your storages "
                "to the CPU."
            ) from None
