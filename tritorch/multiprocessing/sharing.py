"""torch's choice between ways to share memory; here the memory has no name, so there is one way and two names."""

from __future__ import annotations

_STRATEGIES = {"file_descriptor", "file_system"}
_current = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The names that :func:`set_sharing_strategy` takes."""
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """The name that was set last; ``"file_descriptor"`` at first."""
    return _current


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepts torch's names, so that programs that set one run as they are.

    What programs set ``"file_system"`` for, a DataLoader whose batches run out of file descriptors, cannot happen
    here: a received batch keeps its memory mapped and no descriptor open. Named segments are never made.

    Raises:
        AssertionError: for another name.

    Example:
        >>> import tritorch
        >>> tritorch.multiprocessing.set_sharing_strategy("file_system")
        >>> tritorch.multiprocessing.get_sharing_strategy()
        'file_system'
    """
    global _current
    if new_strategy not in _STRATEGIES:
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of {sorted(_STRATEGIES)}")
    _current = new_strategy
