"""Seeds and states of the GPUs' default generators, one a GPU. A seed gives the same numbers there as on the CPU."""

from ..runtime import gpu
from ..runtime.generator import default_generators, seed_gpus

__all__ = [
    "get_rng_state", "get_rng_state_all", "initial_seed", "manual_seed", "manual_seed_all", "seed", "seed_all",
    "set_rng_state", "set_rng_state_all",
]  # fmt: skip


def _generator(device, name):
    return default_generators()[gpu.ordinal(device, name)]


def manual_seed(seed):
    """Seeds the current GPU's generator; without a GPU it is remembered."""
    if gpu.is_available():
        _generator(None, "manual_seed").manual_seed(seed)
    else:
        seed_gpus(int(seed))


def manual_seed_all(seed):
    """Seeds the generators of all GPUs.

    Raises:
        RuntimeError: ``Overflow when unpacking long long`` for a seed that is no number of 64 bits.
    """
    seed_gpus(int(seed))


def seed():
    """Seeds the current GPU's generator from the operating system."""
    if gpu.is_available():
        _generator(None, "seed").seed()


def seed_all():
    """Seeds the generators of all GPUs with one seed from the operating system."""
    generators = default_generators()
    if generators:
        seed_gpus(generators[0].seed())


def initial_seed():
    """The seed of the current GPU's generator.

    Raises:
        RuntimeError: if there is no GPU.
    """
    return _generator(None, "initial_seed").initial_seed()


def get_rng_state(device="cuda"):
    """The state of a GPU's generator, a uint8 tensor in host memory.

    Raises:
        RuntimeError: if there is no such GPU.
    """
    return _generator(device, "get_rng_state").get_state()


def get_rng_state_all():
    """The states of the generators of all GPUs."""
    return [generator.get_state() for generator in default_generators()]


def set_rng_state(new_state, device="cuda"):
    """Goes on from a state that :func:`get_rng_state` gave.

    Raises:
        RuntimeError: if there is no such GPU, or if it is no state of a generator.
    """
    _generator(device, "set_rng_state").set_state(new_state)


def set_rng_state_all(new_states):
    """Goes on from the states that :func:`get_rng_state_all` gave."""
    for generator, state in zip(default_generators(), new_states, strict=False):
        generator.set_state(state)
