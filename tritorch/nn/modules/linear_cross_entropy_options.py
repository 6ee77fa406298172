"""How a linear map and the cross-entropy of its outputs are computed together."""

from dataclasses import dataclass

from ...dtypes import dtype as DType

__all__ = ["LinearCrossEntropyOptions"]

_POLICIES = {"auto", "accurate", "balanced", "compact"}


@dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How torch divides the work of :class:`LinearCrossEntropyLoss`. Checked, and not needed: all give the same.

    Args:
        allow_retain_graph (bool): whether backward may run twice. It may. Default: ``False``
        batch_chunk_size (int, optional): rows computed at once.
        chunking_method (str, optional): ``"auto"``, ``"aspect_ratio"`` or ``"aspect_ratio:N"``. Default: ``"auto"``
        acc_policy (str): ``"auto"``, ``"accurate"``, ``"balanced"`` or ``"compact"``. Default: ``"auto"``
        acc_dtype (:class:`tritorch.dtype`, optional): the type of sums.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DType | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            name, colon, factor = self.chunking_method.partition(":")
            divisor = int(factor) if factor.isdigit() else 0
            if name != "aspect_ratio" or (colon and divisor < 1):
                raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
