"""Makes tritorch Triton's driver, whichever of the two is imported first, without importing Triton.

Note [Triton finds its driver]: Triton makes its driver when a kernel is first launched, in a function of
``triton.runtime.driver``, and its own would import torch. That function is replaced as soon as the module is there:
at once where Triton has been imported before tritorch, else when the module is imported. A driver that somebody has
set is left alone, and so is Triton on a machine where tritorch sees no device. In the same way its autotuners get a
memory that lasts (Note [Choices]).
"""

import sys
from importlib.machinery import PathFinder

from . import gpu
from .jit import load

__all__ = ["install"]


def _replace(module):
    """Of ``triton.runtime.driver``."""
    usual = module._create_driver

    def create_driver():
        return load("tritorch.runtime.driver").Driver() if gpu.is_available() else usual()

    module._create_driver = create_driver


def _remember(module):
    """Of ``triton.runtime.autotuner``."""
    usual = module.Autotuner.run

    def run(self, *args, **kwargs):
        if self.cache.__class__ is dict and gpu.is_available():
            self.cache = load("tritorch.runtime.tuned").Choices(self, self.cache)
        return usual(self, *args, **kwargs)

    module.Autotuner.run = run


_MODULES = {"triton.runtime.driver": _replace, "triton.runtime.autotuner": _remember}


class _Finder:
    """Finds these modules as everybody would, and sees them first when they are loaded."""

    def __init__(self, names):
        self.names = set(names)

    def find_spec(self, name, path=None, target=None):
        if name not in self.names:
            return None
        self.names.remove(name)
        if not self.names:
            sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                _MODULES[name](module)

            spec.loader.exec_module = exec_module
        return spec


def install():
    """See Note [Triton finds its driver]."""
    missing = []
    for name, change in _MODULES.items():
        module = sys.modules.get(name)
        if module is None:
            missing.append(name)
        else:
            change(module)
    if missing:
        sys.meta_path.insert(0, _Finder(missing))  # type: ignore[arg-type] - all that is asked of a finder


install()
