"""The parametrizations of one tensor, and the tensors that it is computed from."""

from collections.abc import Sequence

from ... import _api as tt
from ...tensor import Tensor
from ..modules.container import ModuleList
from ..modules.module import Module
from ..parameter import Parameter


def register_original(module: Module, name: str, tensor: Tensor) -> None:
    """Registers a tensor as what it is: a parameter or a buffer."""
    register = module.register_parameter if isinstance(tensor, Parameter) else module.register_buffer
    register(name, tensor)


def expect_same(got, expected: Tensor, no_tensor: str, differs: str, names: tuple[str, str]) -> None:
    """Raises ValueError unless ``got`` is a tensor of the type and shape of ``expected``; the texts have a blank."""
    if not isinstance(got, Tensor):
        raise ValueError(no_tensor.format(type(got).__name__))
    for what in ("dtype", "shape"):
        before, after = getattr(expected, what), getattr(got, what)
        if before != after:
            raise ValueError(f"{differs.format(what)}\n{names[0]}.{what}: {before}\n{names[1]}.{what}: {after}")


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in order; called, it computes the tensor.

    Args:
        modules (sequence of Module): at least one, else ValueError.
        original (Tensor): the tensor that there was.
        unsafe (bool): whether shape and type may change. Default: ``False``

    Attributes:
        original (Tensor): what it is computed from; or ``original0``, ``original1``, ..., if there are several.
        is_tensor (bool): whether there is one alone.
        ntensors (int): how many there are.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape_and_type = original.detach()
        new = self._inverted(original)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            self._keep_one(original, new)
        else:
            self._keep_several(original, new)
        if not unsafe:
            what = "Registering a parametrization may not change the {} of the tensor, unless `unsafe` flag is enabled."
            names = "unparametrized", "parametrized"
            expect_same(self(), shape_and_type, "A parametrization must return a tensor. Got {}.", what, names)

    def _inverted(self, original: Tensor):
        """The tensor, or the tensors, from which ``original`` would be computed."""
        new = original
        with tt.no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        continue
        if not isinstance(new, Tensor | Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                f"{type(new).__name__}"
            )
        return new

    def _keep_one(self, original: Tensor, new: Tensor) -> None:
        for what in ("dtype", "device"):
            before, after = getattr(original, what), getattr(new, what)
            if before != after:
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the {what}.\n"
                    f"original.{what}: {before}\nright_inverse(original).{what}: {after}"
                )
        if new is not original:
            original.data = new.data
        register_original(self, "original", original)

    def _keep_several(self, original: Tensor, new: Sequence[Tensor]) -> None:
        for index, tensor in enumerate(new):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                    f"{index} of the sequence with type {type(tensor).__name__}."
                )
            if isinstance(original, Parameter):
                tensor = Parameter(tensor, original.requires_grad)
            tensor.requires_grad_(original.requires_grad)
            register_original(self, f"original{index}", tensor)

    def original_names(self) -> list[str]:
        """The attributes that hold what the tensor is computed from."""
        return ["original"] if self.is_tensor else [f"original{index}" for index in range(self.ntensors)]

    @tt.no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Sets the originals so that ``value`` is what is computed.

        Raises RuntimeError where a parametrization has no inverse, ValueError where an inverse does not fit.
        """
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
            value = module.right_inverse(value)
        if self.is_tensor:
            if not isinstance(value, Tensor):
                raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
            values = [value]
        else:
            if not isinstance(value, Sequence):
                raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}.")
            if len(value) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of "
                    f"length {len(value)}."
                )
            values = value
        for name, tensor in zip(self.original_names(), values, strict=True):
            self._set(name, tensor)

    def _set(self, name: str, tensor: Tensor) -> None:
        if not isinstance(tensor, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(tensor).__name__}")
        original = getattr(self, name)
        if original.dtype != tensor.dtype:
            raise ValueError(
                f"The tensor returned by `right_inverse` has dtype {tensor.dtype} while `{name}` has dtype "
                f"{original.dtype}"
            )
        original.data = tensor.data

    def forward(self) -> Tensor:
        """Computes the tensor."""
        first, *rest = self
        computed = first(*(getattr(self, name) for name in self.original_names()))
        for module in rest:
            computed = module(computed)
        return computed
