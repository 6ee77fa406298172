"""Anomaly mode: errors in backward that show where in forward they come from."""

import warnings

from .. import _C

__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]


def is_anomaly_enabled() -> bool:
    """Returns True while anomaly mode is on."""
    return _C.is_anomaly_enabled()


def is_anomaly_check_nan_enabled() -> bool:
    """Returns True while anomaly mode looks for NaN in gradients."""
    return _C.is_anomaly_check_nan_enabled()


class set_detect_anomaly:
    """Switches anomaly mode on or off, at once; as a context manager it restores what was there before.

    While it is on, each recorded node keeps the stack that made it; an error in its backward prints that
    stack, and, with :attr:`check_nan`, a NaN in its gradients raises
    ``Function 'SqrtBackward0' returned nan values in its 0th output.``

    Args:
        mode: on or off.
        check_nan: raise when a backward function returns NaN.

    >>> import tritorch
    >>> with tritorch.autograd.set_detect_anomaly(True):
    ...     tritorch.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev = (_C.is_anomaly_enabled(), _C.is_anomaly_check_nan_enabled())
        _C.set_anomaly(mode, check_nan)

    def __enter__(self) -> None:
        """The mode was set when the object was made."""

    def __exit__(self, *exc: object) -> None:
        _C.set_anomaly(*self.prev)


class detect_anomaly:
    """Anomaly mode inside a ``with`` block: see :class:`set_detect_anomaly`. Warns that it is slow.

    >>> import tritorch, warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     with tritorch.autograd.detect_anomaly():
    ...         x = tritorch.tensor(0.0, requires_grad=True)
    ...         y = x.sqrt() * 0
    ...         try:
    ...             y.backward()
    ...         except RuntimeError as error:
    ...             print(error)
    Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled "
            "for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.prev = (_C.is_anomaly_enabled(), _C.is_anomaly_check_nan_enabled())
        _C.set_anomaly(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        _C.set_anomaly(*self.prev)
