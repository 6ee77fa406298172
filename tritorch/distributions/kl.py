"""The Kullback-Leibler divergence, pair by pair of families.

Of two different families it follows from KL(p || q) = -H(p) - E_p[log q], where q's logarithm needs but p's mean and
variance; it is infinite where p can be where q cannot.
"""

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ..nn import functional as F
from ..shape import broadcast_shapes
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal, half_log_det, mahalanobis, solve_lower
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost, euler_constant

__all__ = ["kl_divergence", "register_kl"]

_REGISTRY: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable:
    """Decorates a function of p and q that computes KL(p || q), for two families and those derived from them.

    Of several that fit, that of the most derived p is taken.
    """

    def register(function: Callable) -> Callable:
        _REGISTRY[type_p, type_q] = function
        _find.cache_clear()
        return function

    return register


def _depth(pair: tuple[type, type], order: tuple[int, int]) -> tuple:
    """Less for the more derived."""
    return tuple([-len(pair[i].__mro__) for i in order])


@functools.cache
def _find(type_p: type, type_q: type) -> Callable | None:
    matches = [pair for pair in _REGISTRY if issubclass(type_p, pair[0]) and issubclass(type_q, pair[1])]
    if not matches:
        return None
    left = min(matches, key=lambda pair: _depth(pair, (0, 1)))
    right = min(matches, key=lambda pair: _depth(pair, (1, 0)))
    if _REGISTRY[left] is not _REGISTRY[right]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
            f"Please register_kl({left[0].__name__}, {right[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _REGISTRY[left]


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """Returns KL(p || q) = E_p[log p - log q], of shape ``batch_shape``.

    Raises:
        NotImplementedError: nothing is registered for the two families.

    >>> import tritorch
    >>> from tritorch.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    function = _find(type(p), type(q))
    if function is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
        )
    return function(p, q)


# ---- of one family


@register_kl(Normal, Normal)
def _normal(p: Any, q: Any) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: Any, q: Any) -> Any:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Any, q: Any) -> Any:
    ones = p.probs * (F.softplus(-q.logits) - F.softplus(-p.logits))
    zeros = (1 - p.probs) * (F.softplus(q.logits) - F.softplus(p.logits))
    ones = ones.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0.0)
    zeros = zeros.masked_fill(q.probs == 1, math.inf).masked_fill(p.probs == 1, 0.0)
    return ones + zeros


@register_kl(Binomial, Binomial)
def _binomial(p: Any, q: Any) -> Any:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    one = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return (p.total_count * one).masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Any:
    terms = p.probs * (p.logits - q.logits)
    return terms.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0.0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_categorical(p: Any, q: Any) -> Any:
    return _categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric(p: Any, q: Any) -> Any:
    return -p.entropy() - tt.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Any, q: Any) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    norms = tt.lgamma(a.sum(-1)) - tt.lgamma(b.sum(-1)) - (tt.lgamma(a) - tt.lgamma(b)).sum(-1)
    return norms + ((a - b) * (tt.digamma(a) - tt.digamma(a.sum(-1)).unsqueeze(-1))).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Any, q: Any) -> Any:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Exponential, Exponential)
def _exponential(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _gamma(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    shapes = tt.lgamma(b) - tt.lgamma(a) + (a - b) * tt.digamma(a)
    return b * (p.rate / q.rate).log() + shapes + (q.rate - p.rate) * (a / p.rate)


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Any, q: Any) -> Any:
    ratio, shift = p.scale / q.scale, (q.loc - p.loc) / q.scale
    tail = tt.exp(shift + tt.lgamma(1 + ratio))
    return -ratio.log() - shift + ratio * euler_constant + tail - (1 + euler_constant)


@register_kl(Laplace, Laplace)
def _laplace(p: Any, q: Any) -> Any:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * tt.exp(-distance / p.scale) - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Any, q: Any) -> Any:
    spread = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return spread.log() - (4 * p.scale * q.scale).log()


@register_kl(Pareto, Pareto)
def _pareto(p: Any, q: Any) -> Any:
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return result.masked_fill(p.scale < q.scale, math.inf)


@register_kl(Uniform, Uniform)
def _uniform(p: Any, q: Any) -> Any:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return result.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: Any, q: Any) -> Any:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be computed"
        )
    of_p, of_q = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    trace = _sum_rightmost(solve_lower(of_q, of_p).pow(2), 2)
    distance = mahalanobis(of_q, q.loc - p.loc)
    return half_log_det(of_q) - half_log_det(of_p) + 0.5 * (trace + distance - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _low_rank(p: Any, q: Any) -> Any:
    return _multivariate_normal(
        *[MultivariateNormal(d.loc, scale_tril=d.scale_tril, validate_args=False) for d in (p, q)]
    )


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: Any, q: Any) -> Any:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


# ---- of two families


def _cross_entropy(p: Any, log_q: Any) -> Any:
    """KL(p || q), from the mean of log q."""
    return -p.entropy() - log_q


def _mean_log(p: Any) -> Any:
    """E[log x]."""
    if isinstance(p, Beta):
        return tt.digamma(p.concentration1) - tt.digamma(p.concentration1 + p.concentration0)
    if isinstance(p, Pareto):
        return p.scale.log() + p.alpha.reciprocal()
    if isinstance(p, Uniform):
        return (tt.xlogy(p.high, p.high) - tt.xlogy(p.low, p.low)) / (p.high - p.low) - 1
    return tt.digamma(p.concentration) - p.rate.log()


def _exponential_moment(p: Any, t: Any) -> Any:
    """E[exp(t x)], for t below 0."""
    if isinstance(p, Normal):
        return (p.loc * t + (p.scale * t).pow(2) / 2).exp()
    if isinstance(p, Uniform):
        return ((t * p.high).exp() - (t * p.low).exp()) / (t * (p.high - p.low))
    return (p.rate / (p.rate - t)).pow(p.concentration if isinstance(p, Gamma) else 1)


def _outside(p: Any, q: Any) -> Any:
    """Where p, on an interval, can be and q cannot."""
    low, high = (p.low, p.high) if isinstance(p, Uniform) else (0.0, 1.0)
    if isinstance(q, Uniform):
        return (q.low > low) | (q.high < high)
    if isinstance(q, Beta):
        return tt.as_tensor((low < 0) | (high > 1))
    return tt.as_tensor(low < (q.scale if isinstance(q, Pareto) else 0.0))


def _to_normal(p: Any, q: Any) -> Any:
    spread = p.variance + (p.mean - q.loc).pow(2)
    return _cross_entropy(p, -0.5 * math.log(2 * math.pi) - q.scale.log() - spread / (2 * q.scale.pow(2)))


def _to_exponential(p: Any, q: Any) -> Any:
    return _cross_entropy(p, q.rate.log() - q.rate * p.mean)


def _to_gamma(p: Any, q: Any) -> Any:
    a = q.concentration
    return _cross_entropy(p, a * q.rate.log() - tt.lgamma(a) + (a - 1) * _mean_log(p) - q.rate * p.mean)


def _to_gumbel(p: Any, q: Any) -> Any:
    tail = (q.loc / q.scale).exp() * _exponential_moment(p, -q.scale.reciprocal())
    return _cross_entropy(p, -q.scale.log() - (p.mean - q.loc) / q.scale - tail)


def _infinite(p: Any, q: Any) -> Any:
    shape = broadcast_shapes(p.batch_shape, q.batch_shape)
    return tt.full(tuple(shape), math.inf, dtype=p.mean.dtype, device=p.mean.device)


for _p in (Beta, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform):
    register_kl(_p, Normal)(_to_normal)
for _p in (Beta, Gamma, Pareto):
    register_kl(_p, Exponential)(_to_exponential)
for _p in (Beta, Pareto):
    register_kl(_p, Gamma)(_to_gamma)
for _p in (Exponential, Gamma, Normal, Uniform):
    register_kl(_p, Gumbel)(_to_gumbel)
for _p in (Normal, Laplace, Gumbel):  # anywhere
    for _q in (Beta, Exponential, Gamma, Pareto, Uniform):
        register_kl(_p, _q)(_infinite)
for _p in (Exponential, Gamma):  # from 0 up
    for _q in (Beta, Pareto, Uniform):
        register_kl(_p, _q)(_infinite)
for _p, _q in ((Pareto, Beta), (Pareto, Uniform), (Beta, Pareto), (Poisson, Bernoulli), (Poisson, Binomial)):
    register_kl(_p, _q)(_infinite)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Any, q: Any) -> Any:
    z = (p.loc - q.loc) / p.scale
    distance = p.scale * (math.sqrt(2 / math.pi) * (-0.5 * z.pow(2)).exp() + z * tt.erf(z / math.sqrt(2)))
    return _cross_entropy(p, -(2 * q.scale).log() - distance / q.scale)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Any, q: Any) -> Any:
    return _gamma(Gamma(tt.ones_like(p.rate), p.rate, validate_args=False), q)


@register_kl(Beta, Uniform)
def _beta_uniform(p: Any, q: Any) -> Any:
    return _cross_entropy(p, -(q.high - q.low).log()).masked_fill(_outside(p, q), math.inf)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Any, q: Any) -> Any:
    return _to_exponential(p, q).masked_fill(_outside(p, q), math.inf)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Any, q: Any) -> Any:
    return _to_gamma(p, q).masked_fill(_outside(p, q), math.inf)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Any, q: Any) -> Any:
    mirrored = Uniform(1 - p.high, 1 - p.low, validate_args=False)
    a, b = q.concentration1, q.concentration0
    norm = tt.lgamma(a + b) - tt.lgamma(a) - tt.lgamma(b)
    log_q = norm + (a - 1) * _mean_log(p) + (b - 1) * _mean_log(mirrored)
    return _cross_entropy(p, log_q).masked_fill(_outside(p, q), math.inf)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Any, q: Any) -> Any:
    log_q = q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _mean_log(p)
    return _cross_entropy(p, log_q).masked_fill(_outside(p, q), math.inf)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Any:
    return _cross_entropy(p, p.probs * q.rate.log() - q.rate)
