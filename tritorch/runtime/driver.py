"""tritorch as Triton's driver: anyone's ``@triton.jit`` kernel launches on tritorch tensors, on the current stream.

Triton asks its driver for the device, the stream and the target, for loading and launching what it has compiled, and
how to time it. On the simulated device a kernel is compiled as for a GPU, so that it is known to compile, and then
run by the checking interpreter. This module needs Triton; ``runtime.hooked`` sees to it that Triton finds it.
"""

import threading
import types
from contextlib import contextmanager

import triton
import triton.compiler
from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase
from triton.runtime.jit import JITFunction

from . import array, interpret

__all__ = ["Driver", "be_active", "compiling_for"]

SIMULATED = {"max_shared_mem": 232_448, "max_num_regs": 65_536, "multiprocessor_count": 4, "warpSize": 32}
_compiling = threading.local()


@contextmanager
def compiling_for(arch):
    """Inside, in this thread, Triton's target is this architecture: code that asks for it while it is compiled."""
    before, _compiling.arch = getattr(_compiling, "arch", None), arch
    try:
        yield
    finally:
        _compiling.arch = before


def be_active():
    """Makes this Triton's driver if it has none: some kernels ask it, while they are compiled, what for."""
    if triton.runtime.driver._active is None:
        triton.runtime.driver.set_active(Driver())


class Driver(DriverBase):
    """What Triton calls ``driver.active``."""

    def __init__(self):
        self.utils = Utilities()
        self.launcher_cls = Launcher

    @classmethod
    def is_active(cls):
        return True

    def get_current_target(self):
        arch = getattr(_compiling, "arch", None)
        return GPUTarget("cuda", 90 if arch is None else arch, 32)

    def get_current_device(self):
        return 0

    def set_current_device(self, device):
        if device != 0:
            raise RuntimeError(f"expected device 0, the only one there is, got {device}")

    def get_device_capability(self, device=0):
        return divmod(self.get_current_target().arch, 10)

    def get_current_stream(self, device):
        return 0

    def get_active_torch_device(self):
        return array.cuda_device(self.get_current_device())

    def get_device_interface(self):
        raise NotImplementedError(
            "triton.testing needs torch; @triton.autotune times kernels with the driver's benchmarker"
        )

    def get_benchmarker(self):
        return timed

    def map_python_to_cpp_type(self, ty):
        raise NotImplementedError(f"kernels are launched without C++ made for their types ({ty})")


def timed(call, *, quantiles=None, **kwargs):
    """How long ``call()`` takes, in ms at the quantiles.

    The simulated device keeps no time: there every configuration runs once, and the first is taken.
    """
    call()
    return [1.0] * len(quantiles) if quantiles else 1.0


class Utilities:
    """What Triton asks of a driver beside launching."""

    def get_device_properties(self, device):
        return SIMULATED

    def load_binary(self, name, image, shared, device):
        """Module, function, registers, spills and the most threads of a program: the interpreter needs no module."""
        return 0, 0, 0, 0, 1024

    def unload_module(self, module):
        """Nothing was loaded."""

    def set_printf_fifo_size(self, size):
        """The interpreter prints at once."""


class Launcher:
    """Launches one compiled kernel. Triton makes one for each, and calls it with all of the function's arguments."""

    def __init__(self, source, metadata):
        self.kernel = interpreted(source.fn)
        self.types = source.signature
        unknown = [t for t in self.types.values() if not isinstance(t, str) or t.startswith("tensordesc")]
        if unknown:
            raise NotImplementedError(
                f"kernel {source.fn.__name__}: expected pointers and numbers as arguments, got {unknown[0]}"
            )

    def __call__(self, x, y, z, stream, function, metadata, launch_metadata, enter_hook, exit_hook, *args):
        if enter_hook is not None:
            enter_hook(launch_metadata)
        if x * y * z > 0:
            arguments, constants = [], {}
            for (name, kind), value in zip(self.types.items(), args, strict=True):
                if kind == "constexpr":
                    constants[name] = interpreted(value)
                else:
                    arguments.append((name, kind, value if not kind.startswith("*") else address(name, value)))
            interpret.launch(self.kernel, (x, y, z), arguments, constants)
        if exit_hook is not None:
            exit_hook(launch_metadata)


def address(name, value):
    """The device address that an argument stands for: of a tensor on a device, or the number itself."""
    if value is None or isinstance(value, int):
        return value or 0
    device = getattr(value, "device", None)
    if getattr(device, "type", device) == "cpu":
        raise ValueError(f"Pointer argument {name} cannot be accessed from Triton (cpu tensor?)")
    return value.data_ptr()


_interpreted: dict = {}


def interpreted(value):
    """The interpreter's form of a kernel of Triton's and of those that it calls; anything else as it is."""
    if not isinstance(value, JITFunction):
        return value
    made = _interpreted.get(value)
    if made is None:
        fn = value.fn
        scope = dict(fn.__globals__)
        copy = types.FunctionType(fn.__code__, scope, fn.__name__, fn.__defaults__, fn.__closure__)
        copy.__kwdefaults__, copy.__qualname__, copy.__module__ = fn.__kwdefaults__, fn.__qualname__, fn.__module__
        copy.__annotations__ = fn.__annotations__
        made = _interpreted[value] = interpret.InterpretedFunction(copy)  # before what it calls: it may call itself
        scope.update((name, interpreted(scope[name])) for name in fn.__code__.co_names if name in scope)
        scope.setdefault("tl", triton.language)  # the interpreter asks that it be visible
    return made


def _compile(*args, **kwargs):
    with interpret.unpatched():
        return _triton_compile(*args, **kwargs)


_triton_compile = triton.compiler.compile
triton.compiler.compile = _compile  # kernels take it from there: the interpreter may have patched the language
