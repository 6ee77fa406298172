"""Seeds of a GPU's random numbers."""

from ..runtime.generator import default_generator

__all__ = ["manual_seed", "manual_seed_all"]


def manual_seed(seed):
    """Seeds the generator: one serves all devices, so that a seed gives the same numbers everywhere."""
    default_generator.manual_seed(seed)


manual_seed_all = manual_seed
