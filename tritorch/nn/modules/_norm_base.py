"""What batch norm and instance norm share: parameters, running statistics, their loading, and their lazy forms."""

from ... import _api as tt
from ...tensor import Tensor
from .. import init
from ..parameter import Parameter, UninitializedBuffer, UninitializedParameter
from ._new import new_parameter
from .lazy import LazyModuleMixin
from .module import Module


def expect_dims(input: Tensor, *allowed: int) -> None:
    """Raises ValueError unless ``input`` has one of the numbers of dimensions."""
    if input.dim() not in allowed:
        expected = " or ".join(f"{dims}D" for dims in allowed)
        raise ValueError(f"expected {expected} input (got {input.dim()}D input)")


class _NormBase(Module):
    """Arguments, parameters and buffers. Version 2 of the state has ``num_batches_tracked``."""

    _version = 2
    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        factory = {"device": device, "dtype": dtype}
        self.register_parameter("weight", new_parameter(num_features, affine, **factory))
        self.register_parameter("bias", new_parameter(num_features, affine and bias, **factory))
        mean = var = count = None
        if track_running_stats:
            mean, var = tt.zeros(num_features, **factory), tt.ones(num_features, **factory)
            count = tt.tensor(0, dtype=tt.int64, device=device)
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", var)
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Sets the running mean to 0, the running variance to 1 and the number of batches to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Sets the weight to 1, the bias to 0, and the statistics to their first values."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest) -> None:
        version = local_metadata.get("version")
        if (version is None or version < 2) and self.track_running_stats:
            count = tt.tensor(0, dtype=tt.int64) if self.num_batches_tracked is None else self.num_batches_tracked
            state_dict.setdefault(prefix + "num_batches_tracked", count)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """The arguments without ``num_features``, which is the size of dimension 1 of the first input."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, bias=False)
        factory = {"device": device, "dtype": dtype}
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(**factory)
            if bias:
                self.bias = UninitializedParameter(**factory)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**factory)
            self.running_var = UninitializedBuffer(**factory)
            self.num_batches_tracked = tt.tensor(0, dtype=tt.int64, device=device)

    def reset_parameters(self) -> None:
        """As for the ordinary module, once there are parameters."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Takes ``num_features`` from dimension 1 of ``input``; values that were loaded stay as they are."""
        self.num_features = input.shape[1]
        if not self.has_uninitialized_params():
            return
        shaped = [self.weight, self.bias] if self.affine else []
        shaped += [self.running_mean, self.running_var] if self.track_running_stats else []
        for value in shaped:
            if value is not None:
                value.materialize((self.num_features,))
        self.reset_parameters()
