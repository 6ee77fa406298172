"""First values with a structure: identities, orthogonal matrices, matrices that are mostly zero."""

import math

from .. import _api as tt
from .. import linalg
from ..tensor import Tensor


def eye_(tensor: Tensor) -> Tensor:
    """Fills a matrix with the identity: 1 on the diagonal, 0 elsewhere. Other than 2 dimensions raise ValueError."""
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with tt.no_grad():
        tensor.zero_().diagonal().fill_(1)
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fills the weight of a convolution so that it hands as many channels through as there are.

    Args:
        tensor (Tensor): a weight of 3, 4 or 5 dimensions; others raise ValueError.
        groups (int): the groups of the convolution. Default: 1
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out_channels, in_channels, *kernel = tensor.shape
    if out_channels % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = out_channels // groups
    centre = tuple(size // 2 for size in kernel)
    with tt.no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, in_channels)):
                tensor[(group * per_group + channel, channel, *centre)] = 1
    return tensor


def orthogonal_(tensor: Tensor, gain: float = 1, generator=None) -> Tensor:
    """Fills with a matrix of orthogonal rows or columns, whichever are fewer, times ``gain``.

    Source: Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear neural networks (2013).

    Args:
        tensor (Tensor): of at least 2 dimensions, those from the second on taken as one.
        gain (float): the factor. Default: 1
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    with tt.no_grad():
        flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
        q, r = linalg.qr(flat.t() if rows < columns else flat)
        q = q * r.diagonal().sign()  # makes the distribution uniform over the orthogonal matrices
        if rows < columns:
            q = q.t()
        return tensor.copy_(q.reshape(tensor.shape)).mul_(gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator=None) -> Tensor:
    """Draws a matrix from the normal distribution, and sets a share of each column to zero.

    Source: Martens, Deep learning via Hessian-free optimization (2010).

    Args:
        tensor (Tensor): of 2 dimensions; others raise ValueError.
        sparsity (float): the share of each column that is zero.
        std (float): the deviation of the rest. Default: 0.01
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with tt.no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[tt.randperm(rows)[:zeros], column] = 0
    return tensor
