"""Batch norms folded into the linear maps before them, for evaluation."""

import copy
from typing import Any

from ... import _api as tt
from ...tensor import Tensor
from ..modules.batchnorm import _BatchNorm
from ..modules.conv import _ConvNd
from ..modules.linear import Linear
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _check_evaluation(layer, bn: _BatchNorm) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def _statistics(bn: _BatchNorm) -> tuple[Any, Any, float, Any, Any]:
    return bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias


def _fuse(w: Tensor, b: Tensor | None, rm: Tensor, rv: Tensor, eps: float, bn_w, bn_b, shape: tuple[int, ...]):
    """Weight and bias of the layer that does both; ``shape`` puts the scale along the outputs of ``w``."""
    scale = tt.rsqrt(rv + eps)
    if bn_w is not None:
        scale = scale * bn_w
    shift = -rm if b is None else b - rm
    bias = shift * scale if bn_b is None else shift * scale + bn_b
    weight = (w * scale.reshape(shape)).to(dtype=w.dtype)
    bias = bias.to(dtype=w.dtype if b is None else b.dtype)
    return Parameter(weight, w.requires_grad), Parameter(bias, b is not None and b.requires_grad)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution that does what a convolution and a batch norm do.

    Args:
        conv_w, conv_b: weight and bias of the convolution.
        bn_rm, bn_rv, bn_eps, bn_w, bn_b: running mean and variance, epsilon, weight and bias of the batch norm.
        transpose (bool): whether the convolution is a transposed one. Default: ``False``
    """
    outputs = (1, -1) if transpose else (-1, 1)
    shape = (*outputs, *(1,) * (conv_w.dim() - 2))
    return _fuse(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_conv_bn_eval(conv: _ConvNd, bn: _BatchNorm, transpose: bool = False) -> _ConvNd:
    """A convolution that does what ``conv`` and then ``bn`` do, both of which must be in evaluation.

    Example::

        >>> import tritorch
        >>> from tritorch import nn
        >>> conv, bn = nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(3).eval()
        >>> x = tritorch.randn(1, 2, 4, 4)
        >>> tritorch.allclose(nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6)
        True
    """
    _check_evaluation(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *_statistics(bn), transpose)
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the linear map that does what a linear map and a batch norm do; see above."""
    return _fuse(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, (-1, 1))


def fuse_linear_bn_eval(linear: Linear, bn: _BatchNorm) -> Linear:
    """A linear map that does what ``linear`` and then ``bn`` do, both of which must be in evaluation."""
    _check_evaluation(linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(linear.weight, linear.bias, *_statistics(bn))
    return fused
