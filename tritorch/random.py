"""Seeds and states of the default generators: that of the CPU and those of the GPUs."""

import contextlib

from .runtime import gpu
from .runtime.generator import Generator, default_generator, default_generators, restore, seed_gpus, snapshot

__all__ = ["Generator", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed",
           "set_rng_state"]  # fmt: skip


def manual_seed(seed):
    """Seeds the default generators of all devices; returns the CPU's.

    Example:
        >>> import tritorch
        >>> _ = tritorch.manual_seed(0)
        >>> a = tritorch.rand(2)
        >>> _ = tritorch.manual_seed(0)
        >>> tritorch.equal(a, tritorch.rand(2))
        True
    """
    default_generator.manual_seed(seed)
    seed_gpus(int(seed))
    return default_generator


def seed():
    """Seeds the default generators of all devices from the operating system; returns the seed."""
    seed = default_generator.seed()
    seed_gpus(seed)
    return seed


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
    """Inside, random numbers are drawn as usual; outside it is as if none had been drawn.

    Args:
        devices: the GPUs whose generators are forked with the CPU's, indices or names; None: all.
    """
    if not enabled:
        yield
    elif devices is None:
        states = snapshot()
        try:
            yield
        finally:
            restore(states)
    else:
        generators = [default_generators()[gpu.ordinal(device, "fork_rng")] for device in devices]
        states = [(generator, generator.state_bytes()) for generator in (default_generator, *generators)]
        try:
            yield
        finally:
            for generator, state in states:
                generator.set_state_bytes(state)
