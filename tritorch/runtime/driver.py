"""tritorch as Triton's driver: anyone's ``@triton.jit`` kernel launches on tritorch tensors, on the current stream.

Triton asks its driver for the device, the stream and the target, for loading and launching what it has compiled, and
how to time it. On the simulated device a kernel is compiled as for a GPU, so that it is known to compile, and then
run by the checking interpreter. This module needs Triton; ``runtime.hooked`` sees to it that Triton finds it.
"""

import threading
import types
from contextlib import contextmanager

import numpy as np
import triton
import triton.compiler
from triton.backends.compiler import BaseBackend, GPUTarget
from triton.backends.driver import DriverBase
from triton.runtime.jit import JITFunction, native_specialize_impl

from .. import _C
from . import array, interpret
from .device import device
from .launch import architecture, code_of, simulated_plan
from .written import written_parameters

__all__ = ["Driver", "be_active", "compiling_for"]

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
        return GPUTarget("cuda", architecture(_C.current_device()) if arch is None else arch, 32)

    def get_current_device(self):
        return _C.current_device()

    def set_current_device(self, device):
        _C.set_current_device(device)

    def get_device_capability(self, device=None):
        return divmod(architecture(_C.current_device() if device is None else device), 10)

    def get_current_stream(self, device):
        return _C.stream_current(device)

    def get_active_torch_device(self):
        return device("cuda", _C.current_device())

    def get_device_interface(self):
        raise NotImplementedError(
            "triton.testing needs torch; @triton.autotune times kernels with the driver's benchmarker"
        )

    def get_benchmarker(self):
        return timed

    def map_python_to_cpp_type(self, ty):
        raise NotImplementedError(f"kernels are launched without C++ made for their types ({ty})")


def timed(call, *, quantiles=None, warmup=25, rep=100, **kwargs):
    """How long ``call()`` takes, in ms at the quantiles (or the median), measured for ``rep`` ms with a cold L2 cache.

    The simulated device keeps no time: there every configuration runs once, and the first is taken.
    """
    call()
    if _C.device_kind() != "cuda":
        return [1.0] * len(quantiles) if quantiles else 1.0
    cold = array.empty((2 * _C.device_properties(_C.current_device())["L2_cache_size"],), np.dtype(np.int8))
    one = _spans(call, cold, 5)
    for _ in range(max(1, int(warmup / max(np.median(one), 1e-3)))):
        call()
    spans = _spans(call, cold, max(5, min(1000, int(rep / max(np.median(one), 1e-3)))))
    return np.quantile(spans, quantiles).tolist() if quantiles else float(np.median(spans))


def _spans(call, cold, count):
    """Milliseconds of each of ``count`` calls, on the current stream."""
    device = _C.current_device()
    stream = _C.stream_current(device)
    events = [(_C.event_new(device, 0), _C.event_new(device, 0)) for _ in range(count)]
    for start, end in events:
        _C.memset_device(cold, b"\0", stream)
        _C.event_record(device, start, stream)
        call()
        _C.event_record(device, end, stream)
    _C.stream_synchronize(device, stream)
    spans = [_C.event_elapsed(start, end) for start, end in events]
    for event in (event for pair in events for event in pair):
        _C.event_destroy(event)
    return spans


class Utilities:
    """What Triton asks of a driver beside launching."""

    def get_device_properties(self, device):
        facts = _C.device_properties(device)
        return {
            "max_shared_mem": facts["shared_memory_per_block_optin"],
            "max_num_regs": facts["regs_per_multiprocessor"],
            "multiprocessor_count": facts["multi_processor_count"],
            "warpSize": facts["warp_size"],
        }

    def load_binary(self, name, image, shared, device):
        """Module, function, registers, spills and the most threads of a program: the interpreter needs no module."""
        if _C.device_kind() != "cuda":
            return 0, 0, 0, 0, 1024
        module = _C.module_load(image, device)
        function = _C.module_function(module, name)
        if shared > 48 << 10:
            _C.function_attribute(function, 8, shared)  # the most dynamic shared memory
        registers, spills, threads = (_C.function_attribute(function, n) for n in (4, 3, 0))
        return module, function, registers, spills // 4, threads

    def unload_module(self, module):
        if module:
            _C.module_unload(module)

    def set_printf_fifo_size(self, size):
        """The default is kept."""


class Launcher:
    """Launches one compiled kernel. Triton makes one for each, and calls it with all of the function's arguments."""

    def __init__(self, source, metadata):
        self.source, self.metadata, self.plan = source, metadata, None
        self.types = source.signature
        unknown = [t for t in self.types.values() if not isinstance(t, str) or t.startswith("tensordesc")]
        if unknown:
            raise NotImplementedError(
                f"kernel {source.fn.__name__}: expected pointers and numbers as arguments, got {unknown[0]}"
            )
        self.written = self._written()
        self.codes = "".join("x" if kind == "constexpr" else code_of(kind) for kind in self.types.values())

    def __call__(self, x, y, z, stream, function, metadata, launch_metadata, enter_hook, exit_hook, *args):
        if enter_hook is not None:
            enter_hook(launch_metadata)
        values = tuple(
            address(name, value) if code == "P" else value
            for (name, code), value in zip(zip(self.types, self.codes, strict=True), args, strict=True)
        )
        if self.plan is None:
            self.plan = self._planned(function, args)
        _C.launch_plan(self.plan, (x, y, z), _C.current_device(), stream, values)
        for i in self.written:
            if isinstance(args[i], _C.TensorBase):
                _C.bump(args[i])  # autograd must not use the values that were there (Note [Written arguments])
        if exit_hook is not None:
            exit_hook(launch_metadata)

    def _written(self):
        """The places of the pointers that the kernel writes, all of them where its IR does not tell."""
        passed = [i for i, kind in enumerate(self.types.values()) if kind != "constexpr"]
        pointers = [i for i in passed if list(self.types.values())[i].startswith("*")]
        text = getattr(self.source, "ir", None)
        found = None if text is None else written_parameters(text, len(passed))
        return pointers if found is None else [passed[k] for k in found]

    def _planned(self, function, args):
        facts, fn = self.metadata, self.source.fn
        if _C.device_kind() == "simulated":
            signature = {name: kind for name, kind in self.types.items() if kind != "constexpr"}
            constants = {
                name: interpreted(value)
                for (name, kind), value in zip(self.types.items(), args, strict=True)
                if kind == "constexpr"
            }
            options = {"num_warps": facts.num_warps}
            return simulated_plan(fn.__name__, lambda: interpreted(fn), signature, constants, self.codes, options)
        return _C.make_plan(
            function, self.codes, 32 * facts.num_warps, facts.shared, facts.num_ctas,
            bool(facts.launch_cooperative_grid), bool(facts.launch_pdl),
            (facts.global_scratch_size, facts.profile_scratch_size or 0),
        )  # fmt: skip


def address(name, value):
    """The device address that an argument stands for: of a tensor on a device, or the number itself."""
    if value is None or isinstance(value, int):
        return value or 0
    place = getattr(value, "device", None)
    if getattr(place, "type", place) == "cpu":
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


def _compile(src, *args, **kwargs):
    with interpret.unpatched():
        made = _triton_compile(src, *args, **kwargs)
    made.src.ir = made.asm.get("ttir")  # for the launcher, which Triton makes of `src` when it first launches
    return made


with interpret.unpatched():  # at its first use this imports a part of Triton that wants the compiler's language
    native_specialize_impl(BaseBackend, 2, False, True, True)

_triton_compile = triton.compiler.compile
triton.compiler.compile = _compile  # kernels take it from there: the interpreter may have patched the language
