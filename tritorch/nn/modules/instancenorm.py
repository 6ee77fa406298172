"""Instance normalization."""

import warnings

from ...tensor import Tensor
from .. import functional as F
from ._norm_base import _LazyNormBase, _NormBase, expect_dims

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    """The call of all instance norms, and the loading of files from when they kept statistics by default."""

    _unbatched_dims: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        if local_metadata.get("version") is None and not self.track_running_stats:
            found = [name for name in ("running_mean", "running_var") if prefix + name in state_dict]
            for name in found:
                del state_dict[prefix + name]
            if found:
                buffers, klass = " and ".join(f'"{prefix}{name}"' for name in found), type(self).__name__
                error_msgs.append(
                    f"Unexpected running stats buffer(s) {buffers} for {klass} with track_running_stats=False. If "
                    f"state_dict is a checkpoint saved before 0.4.0, this may be expected because {klass} does not "
                    "track running stats by default since 0.4.0. Please remove these keys from state_dict. If the "
                    f"running stats are actually needed, instead set track_running_stats=True in {klass} to enable "
                    f"them. See the documentation of {klass} for details."
                )
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def _normalize(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )

    def forward(self, input: Tensor) -> Tensor:
        expect_dims(input, self._unbatched_dims, self._unbatched_dims + 1)
        channels = input.dim() - self._unbatched_dims
        if input.size(channels) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={channels} to match num_features ({self.num_features}), but got: "
                    f"{input.size(channels)}."
                )
            warnings.warn(
                f"input's size at dim={channels} does not match num_features. You can silence this warning by not "
                "passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        return self._normalize(input) if channels else self._normalize(input.unsqueeze(0)).squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel of each sample of ``(N, C, L)`` or ``(C, L)``.

    Source: Ulyanov et al., Instance Normalization (2016).

    Args:
        num_features (int): the number ``C`` of channels.
        eps (float): added to the variance. Default: 1e-5
        momentum (float): the share of the batch in the running statistics. Default: 0.1
        affine (bool): whether weight and bias are learned. Default: ``False``
        track_running_stats (bool): whether to keep running statistics and use them in evaluation. Default: ``False``
        device, dtype: of parameters and buffers.
        bias (bool): whether there is a bias, if ``affine``. Default: ``True``

    Other numbers of dimensions raise ValueError.

    Example::

        >>> import tritorch
        >>> tritorch.nn.InstanceNorm1d(100)(tritorch.randn(20, 100, 40)).shape
        tritorch.Size([20, 100, 40])
    """

    _unbatched_dims = 2


class InstanceNorm2d(_InstanceNorm):
    """Instance norm of ``(N, C, H, W)`` or ``(C, H, W)``. Arguments as for :class:`InstanceNorm1d`."""

    _unbatched_dims = 3


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of ``(N, C, D, H, W)`` or ``(C, D, H, W)``. Arguments as for :class:`InstanceNorm1d`."""

    _unbatched_dims = 4


class LazyInstanceNorm1d(_LazyNormBase, _InstanceNorm):
    """An :class:`InstanceNorm1d` that takes ``num_features`` from its first input, and is one from then on."""

    cls_to_become = InstanceNorm1d
    _unbatched_dims = 2


class LazyInstanceNorm2d(_LazyNormBase, _InstanceNorm):
    """An :class:`InstanceNorm2d` that takes ``num_features`` from its first input, and is one from then on."""

    cls_to_become = InstanceNorm2d
    _unbatched_dims = 3


class LazyInstanceNorm3d(_LazyNormBase, _InstanceNorm):
    """An :class:`InstanceNorm3d` that takes ``num_features`` from its first input, and is one from then on."""

    cls_to_become = InstanceNorm3d
    _unbatched_dims = 4
