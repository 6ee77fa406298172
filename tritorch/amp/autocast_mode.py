"""autocast: asking for a narrower dtype where it pays.

On the CPU it does not pay: there are no bfloat16 units to win time with, so operators compute in the dtype of their
arguments, and results are float32 where torch's would be bfloat16. The mode itself is real: it nests, it is
thread-local, and programs that ask for it are told.
"""

import functools
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import _api as tt

__all__ = [
    "autocast",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
]

_DTYPES = {"cpu": tt.bfloat16, "cuda": tt.float16}


class _State(threading.local):
    def __init__(self) -> None:
        self.enabled = dict.fromkeys(_DTYPES, False)
        self.dtype = dict(_DTYPES)
        self.cache = True


_state = _State()


def _known(device_type: str) -> str:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in _DTYPES:
        raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
    return device_type


def is_autocast_available(device_type: str) -> bool:
    """Returns True for the kinds of devices that autocast knows: "cpu" and "cuda"."""
    return device_type in _DTYPES


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Returns True inside :class:`autocast` for :attr:`device_type`."""
    return _state.enabled[_known(device_type)]


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Switches autocast on or off in this thread."""
    _state.enabled[_known(device_type)] = enabled


def get_autocast_dtype(device_type: str) -> Any:
    """Returns the dtype that autocast asks for: by default bfloat16 on the CPU, float16 on cuda."""
    return _state.dtype[_known(device_type)]


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Sets the dtype that autocast asks for in this thread."""
    _state.dtype[_known(device_type)] = dtype


def is_autocast_cache_enabled() -> bool:
    """Returns what :func:`set_autocast_cache_enabled` was given last in this thread; True at first."""
    return _state.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Accepted as in torch: nothing is cast on the CPU, so nothing is cached."""
    _state.cache = enabled


class autocast:
    """Asks for a narrower dtype inside a ``with`` block, or a function that it decorates.

    On the CPU operators still compute in the dtype of their arguments.

    Args:
        device_type: "cpu" or "cuda".
        dtype: bfloat16 or float16; by default that of :func:`get_autocast_dtype`.
        enabled: False switches an enclosing autocast off.
        cache_enabled: accepted as in torch.

    >>> import tritorch
    >>> with tritorch.autocast("cpu"):
    ...     tritorch.is_autocast_enabled("cpu")
    True
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = _known(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = _state.cache if cache_enabled is None else cache_enabled
        if enabled and self.fast_dtype not in (tt.bfloat16, tt.float16):
            name = device_type.upper()
            warnings.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n{name} Autocast only "
                f"supports dtypes of {tt.bfloat16}, {tt.float16} currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list[tuple] = []

    def __enter__(self) -> "autocast":
        device = self.device
        self._before.append((_state.enabled[device], _state.dtype[device], _state.cache))
        _state.enabled[device], _state.dtype[device], _state.cache = self._enabled, self.fast_dtype, self._cache_enabled
        return self

    def __exit__(self, *exc: object) -> None:
        device = self.device
        _state.enabled[device], _state.dtype[device], _state.cache = self._before.pop()

    def __call__(self, func: Callable) -> Callable:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as "
                "a context manager? For example:\n    with tritorch.autocast(device_type=...):\n"
                "        output = model(input)"
            )

        @functools.wraps(func)
        def in_autocast(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return in_autocast


def _cast(value: Any, device_type: str, dtype: Any) -> Any:
    """Floating tensors of the device in :attr:`dtype`, float64 apart, also inside containers."""
    if isinstance(value, tt.Tensor):
        eligible = value.is_floating_point() and value.device.type == device_type and value.dtype is not tt.float64
        return value.to(dtype) if eligible else value
    if isinstance(value, Mapping):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, np.ndarray):
        return type(value)(_cast(v, device_type, dtype) for v in value)
    return value


def custom_fwd(fwd: Callable | None = None, *, device_type: str, cast_inputs: Any = None) -> Callable:
    """Decorates the ``forward`` of an ``autograd.Function``: under autocast its inputs come in :attr:`cast_inputs`.

    Without :attr:`cast_inputs` it runs in the surrounding autocast, which ``custom_bwd`` restores.
    """
    _known(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def cast_fwd(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        on = is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = on and cast_inputs is None
        if cast_inputs is None or not on:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(ctx, *_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return cast_fwd


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """Decorates the ``backward`` of an ``autograd.Function``: it runs in the autocast that forward ran in."""
    _known(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def cast_bwd(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return cast_bwd
