"""Seeds and states of the default generator."""

import contextlib

from . import _C
from .runtime.generator import Generator, default_generator

__all__ = ["Generator", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed",
           "set_rng_state"]  # fmt: skip


def manual_seed(seed):
    """Seeds the default generator; returns it.

    Example:
        >>> import tritorch
        >>> _ = tritorch.manual_seed(0)
        >>> a = tritorch.rand(2)
        >>> _ = tritorch.manual_seed(0)
        >>> tritorch.equal(a, tritorch.rand(2))
        True
    """
    return default_generator.manual_seed(seed)


def seed():
    """Seeds the default generator from the operating system; returns the seed."""
    return default_generator.seed()


def initial_seed():
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the default generator, a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Goes on from a state that :func:`get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, device_type="cuda"):
    """Inside, random numbers are drawn as usual; outside it is as if none had been drawn."""
    if not enabled:
        yield
        return
    state = _C.wrap(default_generator.state_bytes())
    try:
        yield
    finally:
        set_rng_state(state)
