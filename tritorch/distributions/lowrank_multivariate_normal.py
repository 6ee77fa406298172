"""The multivariate normal distribution whose covariance is a few directions and a diagonal."""

import math
from typing import Any

from .. import _api as tt
from ..shape import broadcast_shapes
from . import constraints
from .distribution import Distribution
from .multivariate_normal import batch_mv, half_log_det, mahalanobis, solve_lower
from .utils import _standard_normal, lazy_property

__all__ = ["LowRankMultivariateNormal"]


def _cholesky(matrix: Any) -> Any:
    return tt.namespace("linalg")["cholesky"](matrix)


class LowRankMultivariateNormal(Distribution):
    """The normal distribution of covariance W W^T + diag(D); by Woodbury's identity, no n x n matrix is factored.

    Args:
        loc: the mean, of n elements.
        cov_factor: W, n x m.
        cov_diag: D, n positive elements.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m")
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        batch_shape = broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc = loc.expand((*batch_shape, -1))
        self.cov_factor = cov_factor.expand((*batch_shape, -1, -1))
        self.cov_diag = cov_diag.expand((*batch_shape, -1))
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        self._capacitance_tril = _cholesky(self._one_plus(self._scaled_factor().mT @ cov_factor))
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    @staticmethod
    def _one_plus(matrix: Any) -> Any:
        return matrix + tt.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)

    def _scaled_factor(self) -> Any:
        """D^-1 W"""
        return self._unbroadcasted_cov_factor / self._unbroadcasted_cov_diag.unsqueeze(-1)

    def _expand_rest(self, new: Any, batch_shape: Any) -> None:
        new._unbroadcasted_cov_factor = self._unbroadcasted_cov_factor
        new._unbroadcasted_cov_diag = self._unbroadcasted_cov_diag
        new._capacitance_tril = self._capacitance_tril

    def _broadcast(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    mean = property(lambda self: self.loc)
    mode = property(lambda self: self.loc)

    @lazy_property
    def variance(self) -> Any:
        """The diagonal of the covariance."""
        total = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return total.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        factor = self._unbroadcasted_cov_factor / root
        return self._broadcast(root * _cholesky(self._one_plus(factor @ factor.mT)))

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        factor = self._unbroadcasted_cov_factor
        return self._broadcast(factor @ factor.mT + tt.diag_embed(self._unbroadcasted_cov_diag))

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        a = solve_lower(self._capacitance_tril, self._scaled_factor().mT)
        return self._broadcast(tt.diag_embed(self._unbroadcasted_cov_diag.reciprocal()) - a.mT @ a)

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        kind = self.loc.dtype, self.loc.device
        along = _standard_normal(shape[:-1] + self.cov_factor.shape[-1:], *kind)
        noise = self._unbroadcasted_cov_diag.sqrt() * _standard_normal(shape, *kind)
        return self.loc + batch_mv(self._unbroadcasted_cov_factor, along) + noise

    def _log_det(self) -> Any:
        return 2 * half_log_det(self._capacitance_tril) + self._unbroadcasted_cov_diag.log().sum(-1)

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        x = value - self.loc
        along = mahalanobis(self._capacitance_tril, batch_mv(self._scaled_factor().mT, x))
        distance = (x.pow(2) / self._unbroadcasted_cov_diag).sum(-1) - along
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self._log_det() + distance)

    def entropy(self) -> Any:
        entropy = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return entropy.expand(self._batch_shape)
