"""Moving a module to another device or type."""

import warnings
from collections.abc import Callable
from typing import Self

from ... import _api as tt
from ...dtypes import dtype as DType
from ...tensor import Tensor
from ._traversal import Traversal


def _to_device(device=None, dtype=None, non_blocking=False, copy=False, *, memory_format=None):
    return device, dtype, non_blocking, copy, memory_format


def _to_dtype(dtype, non_blocking=False, copy=False, *, memory_format=None):
    return None, dtype, non_blocking, copy, memory_format


def _to_tensor(tensor, non_blocking=False, copy=False, *, memory_format=None):
    return tensor.device, tensor.dtype, non_blocking, copy, memory_format


def parse_to(*args, **kwargs):
    """``(device, dtype, non_blocking, memory_format)`` of the three forms of ``to``; TypeError for any other."""
    first = args[0] if args else kwargs.get("tensor")
    form = _to_tensor if isinstance(first, Tensor) else _to_dtype if isinstance(first, DType) else _to_device
    try:
        device, dtype, non_blocking, copy, memory_format = form(*args, **kwargs)
    except TypeError:
        given = ", ".join([type(value).__name__ for value in args] + [f"{name}=..." for name in kwargs])
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({given}), but expected one of:\n"
            " * (device device = None, dtype dtype = None, bool non_blocking = False, *, memory_format memory_format)\n"
            " * (dtype dtype, bool non_blocking = False, *, memory_format memory_format = None)\n"
            " * (Tensor tensor, bool non_blocking = False, *, memory_format memory_format = None)"
        ) from None
    if copy:
        raise RuntimeError(".to() does not accept copy argument")
    return None if device is None else tt.device(device), dtype, non_blocking, memory_format


def _if_floating(convert: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda tensor: convert(tensor) if tensor.is_floating_point() else tensor


class Conversion(Traversal):
    """Changes of device and type, in place: parameters stay the objects that they are. A base of :class:`Module`."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replaces the data of every parameter and gradient, and every buffer, by what ``fn`` makes of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            with tt.no_grad():
                data = fn(parameter)
                grad = None if parameter.grad is None else fn(parameter.grad)
            parameter.data = data
            if grad is not None:
                parameter.grad.data = grad
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs) -> Self:
        """Moves to a device, casts to a floating or complex type, or both, as ``Tensor.to`` does.

        Integral parameters and buffers are moved and not cast. Optimizers made before stay valid.

        Args:
            device (:class:`tritorch.device`): where to move.
            dtype (:class:`tritorch.dtype`): what to cast to.
            tensor (Tensor): whose device and type to take.
            non_blocking (bool): copy asynchronously where the memory is pinned.
            memory_format: the layout for parameters and buffers of 4 or 5 dimensions.

        Example::

            >>> import tritorch
            >>> tritorch.nn.Linear(2, 2).to(tritorch.float64).weight.dtype
            tritorch.float64
        """
        device, dtype, non_blocking, memory_format = parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        if dtype is not None and dtype.is_complex:
            warnings.warn(
                "Complex modules are a new feature under active development whose design may change, and some modules "
                "might not work as expected when using complex tensors as parameters or buffers.",
                stacklevel=2,
            )

        def convert(tensor: Tensor) -> Tensor:
            layout = {"memory_format": memory_format} if memory_format is not None and tensor.dim() in (4, 5) else {}
            cast = dtype if tensor.is_floating_point() or tensor.is_complex() else None
            return tensor.to(device, cast, non_blocking, **layout)

        return self._apply(convert)

    def to_empty(self, *, device, recurse: bool = True) -> Self:
        """Moves to a device without copying: the values are not set.

        Args:
            device (:class:`tritorch.device`): where.
            recurse (bool): whether the modules below move too. Default: ``True``
        """
        return self._apply(lambda tensor: tt.empty_like(tensor, device=device), recurse=recurse)

    def type(self, dst_type) -> Self:
        """Casts all parameters and buffers, integral ones too."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> Self:
        """Casts floating parameters and buffers to float32."""
        return self._apply(_if_floating(lambda tensor: tensor.float()))

    def double(self) -> Self:
        """Casts floating parameters and buffers to float64."""
        return self._apply(_if_floating(lambda tensor: tensor.double()))

    def half(self) -> Self:
        """Casts floating parameters and buffers to float16."""
        return self._apply(_if_floating(lambda tensor: tensor.half()))

    def bfloat16(self) -> Self:
        """Casts floating parameters and buffers to bfloat16."""
        return self._apply(_if_floating(lambda tensor: tensor.bfloat16()))

    def cpu(self) -> Self:
        """Moves to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device=None) -> Self:
        """Moves to a GPU, the current one if no index is given."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def share_memory(self) -> Self:
        """Moves all parameters and buffers to memory that other processes can map."""
        return self._apply(lambda tensor: tensor.share_memory_())
