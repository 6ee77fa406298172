"""Tensors with a role in a module: parameters, buffers, and both before their shape is known."""

from collections import OrderedDict

from .. import _C
from .. import _api as tt
from ..runtime.device import cpu
from ..shape import Size
from ..tensor import Tensor

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


def _rebuild_parameter(data, requires_grad, backward_hooks, state=None):
    """Makes a pickled parameter again. ``backward_hooks`` stays empty: hooks are not pickled."""
    parameter = Parameter(data, requires_grad)
    if state:
        vars(parameter).update(state)
    return parameter


class _ParameterMeta(type(Tensor)):
    """Lets a marked tensor of a user's subclass count as a parameter: wrapping it must not lose the subclass."""

    def __instancecheck__(cls, instance) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that is learned: assigned to a module, it joins the module's ``parameters()``.

    Args:
        data (Tensor, optional): the values, shared and not copied; an empty tensor if left out.
        requires_grad (bool): whether gradients are accumulated into it. Default: ``True``

    Example::

        >>> import tritorch
        >>> tritorch.nn.Parameter(tritorch.ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = tt.empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter: expected data to be a Tensor, got {tt.typename(data)}")
        if type(data) in (Tensor, Parameter):
            return Tensor._make_subclass(cls, data, requires_grad)
        tensor = Tensor._make_subclass(type(data), data, requires_grad)
        tensor._is_param = True
        return tensor

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        state = dict(vars(self))
        arguments = (self.data, self.requires_grad, OrderedDict())
        return _rebuild_parameter, (*arguments, state) if state else arguments


_C.set_types(Tensor, Parameter, Size, cpu)  # so that the fast paths know parameters as plain tensors


class Buffer(Tensor):
    """A tensor that is part of a module's state but not learned, such as a running mean.

    Assigned to a module it is registered as with :meth:`Module.register_buffer`.

    Args:
        data (Tensor, optional): the values; an empty tensor if left out.
        persistent (bool): whether it belongs to the module's ``state_dict()``. Default: ``True``

    Example::

        >>> import tritorch
        >>> module = tritorch.nn.Module()
        >>> module.mean = tritorch.nn.Buffer(tritorch.zeros(2))
        >>> list(module.state_dict())
        ['mean']
    """

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = tt.empty(0)
        buffer = Tensor._make_subclass(cls, data, data.requires_grad)
        buffer.persistent = persistent
        return buffer


class UninitializedTensorMixin:
    """What a lazy parameter and a lazy buffer share: values and a shape only after :meth:`materialize`."""

    cls_to_become: type[Tensor]

    def materialize(self, shape, device=None, dtype=None) -> None:
        """Becomes an ordinary parameter or buffer of that shape, its values not set.

        Args:
            shape (tuple): the shape, now known.
            device (:class:`tritorch.device`, optional): where. Default: where it was declared to be.
            dtype (:class:`tritorch.dtype`, optional): the type. Default: what it was declared to be.
        """
        data = self.data
        self.data = tt.empty(shape, device=device or data.device, dtype=dtype or data.dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        """Raises: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self):
        """Raises: there is nothing to share yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad,)


def is_lazy(param) -> bool:
    """Whether ``param`` is a parameter or buffer that has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is found at the first call of its module.

    Only ``materialize``, moves between devices and changes of type are possible before.

    Args:
        requires_grad (bool): as for :class:`Parameter`.
        device, dtype: what it will be made with.

    Example::

        >>> import tritorch
        >>> weight = tritorch.nn.UninitializedParameter()
        >>> weight.materialize((2, 3))
        >>> type(weight).__name__, weight.shape
        ('Parameter', tritorch.Size([2, 3]))
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return Tensor._make_subclass(cls, tt.empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape is found at the first call of its module; see :class:`UninitializedParameter`."""

    cls_to_become = Buffer

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        buffer = Tensor._make_subclass(cls, tt.empty(0, device=device, dtype=dtype), requires_grad)
        buffer.persistent = persistent
        return buffer
