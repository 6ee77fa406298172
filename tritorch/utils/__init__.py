"""Tools around training: loading data, saving memory.

The submodules are loaded when they are first used, since worker processes need much of the standard library.
"""

from importlib import import_module
from types import ModuleType

__all__ = ["checkpoint", "data", "hooks"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    if name == "tensorboard":
        raise ImportError(
            "tritorch has no TensorBoard writer; `pip install tensorboardX` and use tensorboardX.SummaryWriter, "
            "which takes NumPy arrays: tensor.numpy()"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
