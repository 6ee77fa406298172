"""Tools around modules: gradient limits, sequences, normalised and parametrised weights, fusion."""

from . import clip_grad, convert_parameters, fusion, init, memory_format, parametrizations, parametrize, rnn, stateless
from .clip_grad import *
from .convert_parameters import *
from .fusion import *
from .init import *
from .memory_format import *
from .spectral_norm import remove_spectral_norm, spectral_norm
from .weight_norm import remove_weight_norm, weight_norm

_ROOMS = clip_grad, convert_parameters, fusion, init, memory_format
__all__ = [name for room in _ROOMS for name in room.__all__] + [
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "spectral_norm",
    "stateless",
    "weight_norm",
]
