"""Batch normalization."""

from ...tensor import Tensor
from .. import functional as F
from ._norm_base import _LazyNormBase, _NormBase, expect_dims
from .module import Module

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]


class _BatchNorm(_NormBase):
    """The call of all batch norms."""

    _allowed_dims: tuple[int, ...]

    def _check_input_dim(self, input: Tensor) -> None:
        expect_dims(input, *self._allowed_dims)

    def _update_factor(self) -> float:
        """Counts the batch; how much of the running statistics its own replace."""
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                return 1.0 / float(self.num_batches_tracked)
        return 0.0 if self.momentum is None else self.momentum

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        factor = self._update_factor()
        mean, var = self.running_mean, self.running_var
        by_batch = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        return F.batch_norm(input, mean, var, self.weight, self.bias, by_batch, factor, self.eps)


class BatchNorm1d(_BatchNorm):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel of ``(N, C)`` or ``(N, C, L)``.

    In training mean and variance are those of the batch, the variance without Bessel's correction, and running ones are
    kept, with it. In evaluation the running ones are used.

    Source: Ioffe and Szegedy, Batch Normalization (2015).

    Args:
        num_features (int): the number ``C`` of channels.
        eps (float): added to the variance. Default: 1e-5
        momentum (float or None): the share of the batch in the running statistics; None keeps their plain mean over all
            batches. Default: 0.1
        affine (bool): whether weight and bias are learned. Default: ``True``
        track_running_stats (bool): whether to keep running statistics; if not, those of the batch are used in
            evaluation too. Default: ``True``
        device, dtype: of parameters and buffers.
        bias (bool): whether there is a bias, if ``affine``. Default: ``True``

    Other numbers of dimensions raise ValueError.

    Example::

        >>> import tritorch
        >>> tritorch.nn.BatchNorm1d(100)(tritorch.randn(20, 100)).shape
        tritorch.Size([20, 100])
    """

    _allowed_dims = 2, 3


class BatchNorm2d(_BatchNorm):
    """Batch norm of ``(N, C, H, W)``. Arguments as for :class:`BatchNorm1d`.

    Example::

        >>> import tritorch
        >>> tritorch.nn.BatchNorm2d(3)
        BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    _allowed_dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm of ``(N, C, D, H, W)``. Arguments as for :class:`BatchNorm1d`."""

    _allowed_dims = (5,)


class LazyBatchNorm1d(_LazyNormBase, _BatchNorm):
    """A :class:`BatchNorm1d` that takes ``num_features`` from its first input, and is a BatchNorm1d from then on."""

    cls_to_become = BatchNorm1d
    _allowed_dims = BatchNorm1d._allowed_dims


class LazyBatchNorm2d(_LazyNormBase, _BatchNorm):
    """A :class:`BatchNorm2d` that takes ``num_features`` from its first input, and is a BatchNorm2d from then on."""

    cls_to_become = BatchNorm2d
    _allowed_dims = BatchNorm2d._allowed_dims


class LazyBatchNorm3d(_LazyNormBase, _BatchNorm):
    """A :class:`BatchNorm3d` that takes ``num_features`` from its first input, and is a BatchNorm3d from then on."""

    cls_to_become = BatchNorm3d
    _allowed_dims = BatchNorm3d._allowed_dims


class SyncBatchNorm(_BatchNorm):
    """Batch norm of ``(N, C, *)``, to be computed over the batches of all processes of a group.

    There is one process, so that it computes what :class:`BatchNorm1d` does; a process group raises RuntimeError.

    Args:
        process_group: must be None. The others are as for :class:`BatchNorm1d`.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ) -> None:
        if process_group is not None:
            raise RuntimeError("SyncBatchNorm: process groups are not supported, expected process_group=None")
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.size(1) == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group=None) -> Module:
        """The module with every batch norm in it, or itself, replaced by one of this class with the same state.

        Example::

            >>> import tritorch
            >>> from tritorch import nn
            >>> nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(2, affine=False)))
            Sequential(
              (0): SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)
            )
        """
        converted = module
        if isinstance(module, _BatchNorm):
            converted = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            converted._parameters.update(module._parameters)
            converted._buffers.update(module._buffers)
            converted.training = module.training
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted
