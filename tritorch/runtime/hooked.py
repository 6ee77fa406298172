"""Makes tritorch Triton's driver, whichever of the two is imported first, without importing Triton.

Note [Triton finds its driver]: Triton makes its driver when a kernel is first launched, in a function of
``triton.runtime.driver``, and its own would import torch. That function is replaced as soon as the module is there:
at once where Triton has been imported before tritorch, else when the module is imported. A driver that somebody has
set is left alone, and so is Triton on a machine where tritorch sees no device.
"""

import sys
from importlib.machinery import PathFinder

from . import gpu
from .jit import load

__all__ = ["install"]

_MODULE = "triton.runtime.driver"


def _replace(module):
    usual = module._create_driver

    def create_driver():
        return load("tritorch.runtime.driver").Driver() if gpu.is_available() else usual()

    module._create_driver = create_driver


class _Finder:
    """Finds ``triton.runtime.driver`` as everybody would, and sees it first when it is loaded."""

    def find_spec(self, name, path=None, target=None):
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                _replace(module)

            spec.loader.exec_module = exec_module
        return spec


def install():
    """See Note [Triton finds its driver]."""
    module = sys.modules.get(_MODULE)
    if module is not None:
        _replace(module)
    else:
        sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type] - all that is asked of a finder


install()
