"""What CUDA's library of mathematical functions means in the interpreter: NumPy's functions and ours."""

import math

import numpy as np
from triton.runtime import interpreter

from .._C import ufuncs

__all__: list[str] = []

_tgamma = np.vectorize(lambda x: math.gamma(x) if x > 0 else math.nan, otypes=[float])  # as it is asked for: above 0

_NAMES = {  # the library's name -> a function of arrays
    "acos": np.arccos, "acosh": np.arccosh, "asin": np.arcsin, "asinh": np.arcsinh, "atan": np.arctan,
    "atan2": np.arctan2, "atanh": np.arctanh, "cbrt": np.cbrt, "ceil": np.ceil, "copysign": np.copysign, "cos": np.cos,
    "cosh": np.cosh, "erf": ufuncs.erf, "erfc": ufuncs.erfc, "erfcx": ufuncs.erfcx, "erfinv": ufuncs.erfinv,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "floor": np.floor, "fmod": np.fmod, "hypot": np.hypot,
    "ldexp": np.ldexp, "lgamma": ufuncs.lgamma, "log": np.log, "log10": np.log10, "log1p": np.log1p, "log2": np.log2,
    "nextafter": np.nextafter, "pow": np.power, "rint": np.rint, "nearbyint": np.rint, "round": np.round,
    "signbit": np.signbit, "sin": np.sin, "sinh": np.sinh, "sqrt": np.sqrt, "tan": np.tan, "tanh": np.tanh,
    "trunc": np.trunc, "isnan": np.isnan, "isinf": np.isinf, "finitef": np.isfinite, "isfinited": np.isfinite,
    "j0": ufuncs.bessel_j0, "j1": ufuncs.bessel_j1, "y0": ufuncs.bessel_y0, "y1": ufuncs.bessel_y1,
    "ilogb": lambda x: np.frexp(x)[1] - 1, "normcdf": ufuncs.ndtr, "normcdfinv": ufuncs.ndtri, "rcp_rn": np.reciprocal,
    "div_rn": np.true_divide, "sqrt_rn": np.sqrt, "rsqrt": ufuncs.rsqrt, "tgamma": _tgamma,
    "sinpi": lambda x: np.sin(np.pi * np.float64(x)), "cospi": lambda x: np.cos(np.pi * np.float64(x)),
    "cyl_bessel_i0": ufuncs.i0, "cyl_bessel_i1": ufuncs.i1,
}  # fmt: skip


def _made(function):
    def call(*args):
        tensors = [interpreter.interpreter_semantic.to_tensor(x) for x in args]
        kinds = {x.dtype.scalar for x in tensors if x.dtype.is_floating()}
        if len(kinds) != 1:  # the compiler finds no function of such a pair
            raise TypeError(
                f"expected arguments of one floating type, got {', '.join(sorted(map(str, kinds))) or 'none'}"
            )
        like = next(x for x in tensors if x.dtype.is_floating())
        datas = [
            x.handle.data.astype(like.handle.data.dtype) if x.dtype.is_floating() else x.handle.data for x in tensors
        ]
        with np.errstate(all="ignore"):
            data = np.asarray(function(*datas))
        if data.dtype == np.bool_:
            data = data.astype(np.int32)
        data = data.astype(like.handle.data.dtype) if data.dtype.kind == "f" else data
        kind = like.dtype if data.dtype.kind == "f" else interpreter.tl.int32
        return interpreter.ReduceScanOpInterface(None, None).to_tensor(data, kind)

    return call


for _name, _function in _NAMES.items():
    globals()[_name] = _made(_function)
