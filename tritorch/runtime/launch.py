"""Launches kernels on arrays of a device.

An array is handed as a pointer to its first element, a Python int as a 32-bit integer where it fits and a 64-bit one
otherwise, a Python float as float32, and a NumPy scalar in its own type. What is given by name is a compile-time
constant of the kernel, or one of the launch's own options.

Note [Plans]: `_C.launch_kernel` looks up the signature of a call (csrc/bindings/launch.cpp, Note [Launches]); only for
a signature that is new it comes here. On a GPU a plan is a cubin, loaded; on the simulated device a Python function
that interprets the kernel; on the stub, which measures what the host costs, nothing at all.
"""

import struct
from functools import cache

from .. import _C
from .jit import load

__all__ = ["CODES", "TYPES", "launch", "load_plan", "simulated_plan", "specialised", "triton_type"]

TYPES = {  # NumPy's name -> Triton's
    "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16",
    "uint32": "u32", "uint64": "u64", "float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float64": "fp64",
    "float8_e4m3fn": "fp8e4nv", "float8_e5m2": "fp8e5",
}  # fmt: skip
CODES = {  # Triton's type -> what `_C.make_plan` calls it: the letters of the struct module, and g for bfloat16
    "i1": "?", "u1": "?", "i8": "b", "i16": "h", "i32": "i", "i64": "q", "u8": "B", "u16": "H", "u32": "I", "u64": "Q",
    "fp16": "e", "bf16": "g", "fp32": "f", "fp64": "d",
}  # fmt: skip
_OPTIONS = ("num_warps", "num_stages", "num_ctas", "maxnreg", "enable_fp_fusion", "debug")
_NUMBERS = {"?": "i1", "i": "i32", "I": "i32", "q": "i64", "Q": "i64", "U": "u64", "f": "fp32"}


def triton_type(dtype):
    """Triton's name of a NumPy dtype.

    Raises:
        NotImplementedError: for one that kernels do not know (complex numbers).
    """
    try:
        return TYPES[dtype.name]
    except KeyError:
        raise NotImplementedError(f"expected a dtype that kernels on cuda know, got {dtype.name}") from None


launch = _C.launch_kernel
"""launch(kernel, grid, *args, num_warps=4, num_stages=3, **constants)

Enqueues ``kernel`` for every program of ``grid`` on the current stream. An empty grid launches nothing.

Args:
    kernel: a :class:`runtime.jit.Kernel`.
    grid: a tuple of one to three sizes.
    args: the kernel's arguments that are no compile-time constants, in order.
"""


def specialised(kernel, tags, args, constants):
    """What a call asks of the compiler: names of the arguments, signature, constants, aligned arguments, options.

    Args:
        tags: a letter for each of ``args``, as `_C.set_planner` has them.
    """
    options = {name: constants[name] for name in _OPTIONS if name in constants}
    constants = {name: value for name, value in constants.items() if name not in options}
    names = [p for p in kernel.params if p not in constants]
    if len(names) != len(args):
        raise TypeError(
            f"kernel {kernel.__name__}: expected {len(names)} arguments ({', '.join(names)}), got {len(args)}"
        )
    signature = {}
    for name, tag, x in zip(names, tags, args, strict=True):
        if tag in "Pp":
            signature[name] = "*" + triton_type(x.dtype)
        else:
            signature[name] = triton_type(x.dtype) if tag == "S" else _NUMBERS[tag]
    aligned = [name for name, tag in zip(names, tags, strict=True) if tag in "PIQ"]
    return names, signature, constants, aligned, options


def code_of(kind):
    """The letter of a parameter of a type of Triton's."""
    return "P" if kind.startswith("*") else CODES[kind]


def _planned(kernel, tags, args, constants):
    names, signature, constants, aligned, options = specialised(kernel, tags, args, constants)
    kernel.variants[tuple(signature.items()), tuple(constants.items()), tuple(aligned), tuple(options.items())] = (
        options
    )
    codes = "".join(code_of(signature[n]) if n in signature else "x" for n in names)
    kind = _C.device_kind()
    if kind == "simulated":
        return simulated_plan(kernel.__name__, kernel.for_interpreter, signature, constants, codes, options)
    if kind == "stub":
        module = _C.module_load(b"stub", _C.current_device())
        return _C.make_plan(_C.module_function(module, kernel.__name__), codes, 32 * options.get("num_warps", 4), 0)
    compiler = load("tritorch.runtime.compile")
    arch = architecture(_C.current_device())
    return load_plan(compiler.compile(kernel, signature, constants, aligned, arch=arch, **options), codes)


_C.set_planner(_planned)


def simulated_plan(name, kernel, signature, constants, codes: str, options):
    """A plan that the interpreter runs, when the simulated device comes to it. ``kernel()`` is what it interprets."""
    formats = "".join({"P": "Q", "g": "H"}.get(code, code) for code in codes if code != "x")
    layout = struct.Struct("@" + formats)
    sizes = [struct.calcsize(letter) for letter in formats]

    def run(grid, parameters):
        interpret = load("tritorch.runtime.interpret")
        values = layout.unpack_from(parameters)
        arguments = [(n, kind, value) for (n, kind), value in zip(signature.items(), values, strict=True)]
        interpret.launch(kernel(), grid, arguments, constants)

    run.__name__ = name  # the simulated device's reports name it
    module = _C.module_load(b"tritorch-sim:%d" % _C.sim_register(run, sizes), _C.current_device())
    return _C.make_plan(_C.module_function(module, name), codes, 32 * options.get("num_warps", 4), 0)


@cache
def architecture(device):
    """The compute capability of a device, as 80 or 90."""
    properties = _C.device_properties(device)
    return properties["major"] * 10 + properties["minor"]


_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_NON_PORTABLE_CLUSTER = 14  # CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED


def load_plan(cubin, codes):
    """A cubin on the current device.

    Raises:
        RuntimeError: if it needs more shared memory than a program may have there.
    """
    device = _C.current_device()
    limit = _C.device_properties(device)["shared_memory_per_block_optin"]
    if cubin.shared > limit:
        raise RuntimeError(
            f"kernel {cubin.name}: expected at most {limit} bytes of shared memory, got {cubin.shared}: "
            "reduce block sizes or num_stages"
        )
    function = _C.module_function(_C.module_load(cubin.image, device), cubin.name)
    if cubin.shared > 48 << 10:
        _C.function_attribute(function, _DYNAMIC_SHARED, cubin.shared)
    if cubin.num_ctas > 8:
        _C.function_attribute(function, _NON_PORTABLE_CLUSTER, 1)
    return _C.make_plan(
        function, codes, 32 * cubin.num_warps, cubin.shared, cubin.num_ctas, cubin.cooperative, cubin.dependent,
        (cubin.global_scratch[0], cubin.profile_scratch[0]),
    )  # fmt: skip
