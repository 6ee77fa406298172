"""The multivariate normal distribution."""

import math
from typing import Any

from .. import _api as tt
from ..shape import broadcast_shapes
from . import constraints
from .distribution import Distribution
from .utils import _standard_normal, lazy_property

__all__ = ["MultivariateNormal"]


def solve_lower(factor: Any, value: Any) -> Any:
    """X with ``factor @ X == value``, for lower triangular factors."""
    return tt.namespace("linalg")["solve_triangular"](factor, value, upper=False)


def batch_mv(matrix: Any, vector: Any) -> Any:
    """``matrix @ vector``, with broadcast batches."""
    return tt.matmul(matrix, vector.unsqueeze(-1)).squeeze(-1)


def mahalanobis(factor: Any, x: Any) -> Any:
    """x^T (L L^T)^-1 x, with broadcast batches, for lower triangular factors L."""
    return solve_lower(factor, x.unsqueeze(-1)).squeeze(-1).pow(2).sum(-1)


def half_log_det(factor: Any) -> Any:
    """Half the logarithm of the determinant of L L^T."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def precision_to_scale_tril(precision: Any) -> Any:
    """The Cholesky factor of the inverse of a positive definite matrix."""
    flipped = tt.namespace("linalg")["cholesky"](tt.flip(precision, (-2, -1)))
    inverse = tt.flip(flipped, (-2, -1)).mT
    return solve_lower(inverse, tt.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device))


class MultivariateNormal(Distribution):
    """The multivariate normal distribution. Exactly one of the three matrices is given.

    Args:
        loc: the mean.
        covariance_matrix: positive definite.
        precision_matrix: its inverse.
        scale_tril: its Cholesky factor: lower triangular, with a positive diagonal.

    >>> import tritorch
    >>> normal = tritorch.distributions.MultivariateNormal(tritorch.zeros(2), tritorch.eye(2))
    >>> normal.log_prob(tritorch.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = [(name, matrix) for name, matrix in matrices.items() if matrix is not None]
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch_shape = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand((*batch_shape, -1, -1)))
        self.loc = loc.expand((*batch_shape, -1))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = tt.namespace("linalg")["cholesky"](matrix)
        else:
            self._unbroadcasted_scale_tril = precision_to_scale_tril(matrix)

    def _expand_rest(self, new: Any, batch_shape: Any) -> None:
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril

    def _broadcast(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return self._broadcast(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._broadcast(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        factor = self._unbroadcasted_scale_tril
        inverse = solve_lower(factor, tt.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device))
        return self._broadcast(inverse.mT @ inverse)

    mean = property(lambda self: self.loc)
    mode = property(lambda self: self.loc)

    @property
    def variance(self) -> Any:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        eps = _standard_normal(self._extended_shape(sample_shape), self.loc.dtype, self.loc.device)
        return self.loc + batch_mv(self._unbroadcasted_scale_tril, eps)

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        factor = self._unbroadcasted_scale_tril
        distance = mahalanobis(factor, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det(factor)

    def entropy(self) -> Any:
        spread = half_log_det(self._unbroadcasted_scale_tril)
        entropy = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + spread
        return entropy.expand(self._batch_shape)
