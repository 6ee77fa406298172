"""tritorch: torch's eager API without torch.

``import tritorch as torch`` and a program that was written for torch runs: tensors, autograd, models, optimizers, data
loaders. See README.md for what works today.
"""

from . import _setup as _settings
from . import (
    amp,
    autograd,
    backends,
    cuda,
    distributed,
    distributions,
    fft,
    func,
    jit,
    linalg,
    masked,
    multiprocessing,
    nn,
    op,
    optim,
    random,
    serialization,
    signal,
    special,
    utils,
    version,
)
from ._api import *
from ._setup import *
from .amp import (
    autocast,
    get_autocast_dtype,
    is_autocast_cache_enabled,
    is_autocast_enabled,
    set_autocast_cache_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)
from .autograd import functional as _functional  # autograd.functional stands above the operators
from .autograd import is_anomaly_check_nan_enabled, is_anomaly_enabled, is_inference_mode_enabled
from .random import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .serialization import load, save
from .shape import *
from .typed import *
from .version import __version__
