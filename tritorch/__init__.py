"""tritorch: torch's eager API without torch."""

from . import autograd, op, signal
from ._api import *
from .random import Generator, default_generator, fork_rng, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__version__ = "0.1.0"
