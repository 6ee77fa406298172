"""Distributions against torch's recorded values, their own samples, and each other."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import tritorch
from tritorch import distributions as D
from tritorch.autograd import gradcheck
from tritorch.distributions import constraints

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())


def tensors(parameters):
    return {
        name: value if isinstance(value, int) else tritorch.tensor(value, dtype=tritorch.float64)
        for name, value in parameters.items()
    }


def make(case):
    return getattr(D, case["name"])(**tensors(case["parameters"]))


CASES = pytest.mark.parametrize(
    "case", RECORDED["cases"], ids=[f"{c['name']}-{'-'.join(c['parameters'])}" for c in RECORDED["cases"]]
)


def close(got, expected, **options):
    np.testing.assert_allclose(got.detach().numpy(), expected, **{"rtol": 1e-8, "atol": 1e-10, **options})


@CASES
class TestAgainstTorch:
    def test_values(self, case):
        distribution = make(case)
        value = tritorch.tensor(case["values"], dtype=tritorch.float64)
        close(distribution.log_prob(value), case["log_prob"], rtol=1e-6, atol=1e-7)
        for name in ("mean", "variance"):
            if name in case:
                close(getattr(distribution, name), case[name])
        if "cdf" in case:
            close(distribution.cdf(value), case["cdf"], rtol=1e-7)
        if "entropy" in case:
            close(distribution.entropy(), case["entropy"])


@CASES
class TestLaws:
    def test_samples_have_the_moments(self, case):
        distribution, count = make(case), 20_000
        samples = distribution.sample((count,))
        assert samples.shape == (count, *distribution.batch_shape, *distribution.event_shape)
        assert samples.dtype is (tritorch.int64 if case["name"] == "Categorical" else tritorch.float64)
        assert not samples.requires_grad
        if "mean" not in case or "variance" not in case or case["name"] in ("Pareto", "VonMises", "StudentT"):
            return
        error = (samples.mean(0) - distribution.mean).abs() / (distribution.variance / count).sqrt()
        assert (error < 5).all()

    def test_samples_lie_in_the_support(self, case):
        distribution = make(case)
        assert distribution.support.check(distribution.sample((100,))).all()

    def test_expand(self, case):
        distribution = make(case)
        wide = distribution.expand((4, *distribution.batch_shape))
        assert wide.batch_shape == (4, *distribution.batch_shape) and wide.event_shape == distribution.event_shape
        value = distribution.sample()
        assert tritorch.allclose(wide.log_prob(value)[2], distribution.log_prob(value))
        assert wide.sample((2,)).shape == (2, *wide.batch_shape, *wide.event_shape)

    def test_log_prob_can_be_differentiated(self, case):
        value = make(case).sample()
        names = [name for name, p in case["parameters"].items() if not isinstance(p, int)]
        if case["name"] in ("Uniform", "Pareto") or "covariance_matrix" in names or "precision_matrix" in names:
            return  # the support moves with the parameters, or they have to stay symmetric
        parameters = [tensors(case["parameters"])[name].requires_grad_() for name in names]
        rest = {name: p for name, p in case["parameters"].items() if isinstance(p, int)}

        def log_prob(*parameters):
            made = dict(zip(names, parameters, strict=True))
            return getattr(D, case["name"])(**made, **rest, validate_args=False).log_prob(value)

        assert gradcheck(log_prob, tuple(parameters), fast_mode=True)

    def test_rsample_can_be_differentiated(self, case):
        distribution = make(case)
        if not distribution.has_rsample:
            with pytest.raises(NotImplementedError):
                distribution.rsample()
            return
        parameters = {
            k: v if isinstance(v, int) else v.requires_grad_() for k, v in tensors(case["parameters"]).items()
        }
        made = getattr(D, case["name"])(**parameters)
        sample = made.rsample((2,))
        grads = tritorch.autograd.grad(sample.sum(), [p for p in parameters.values() if not isinstance(p, int)])
        assert all(g.isfinite().all() for g in grads)

    def test_enumerated_support_sums_to_one(self, case):
        distribution = make(case)
        if distribution.has_enumerate_support:
            values = distribution.enumerate_support()
            close(distribution.log_prob(values).exp().sum(0), np.ones(distribution.batch_shape))
            assert distribution.enumerate_support(expand=False).shape[0] == len(values)

    def test_icdf_inverts_cdf(self, case):
        distribution = make(case)
        try:
            value = distribution.sample((5,))
            probability = distribution.cdf(value)
            again = distribution.icdf(probability)
        except NotImplementedError:
            return
        close(again, value.numpy(), rtol=1e-5, atol=1e-6)

    def test_repr_and_mode(self, case):
        distribution = make(case)
        assert repr(distribution).startswith(case["name"] + "(")
        try:
            mode = distribution.mode
        except NotImplementedError:
            return
        if not distribution.support.is_discrete and mode.isfinite().all() and distribution.support.check(mode).all():
            around = distribution.sample((50,))
            assert (distribution.log_prob(mode) >= distribution.log_prob(around) - 1e-6).all()


class TestReparametrization:
    """The gradient of the mean of samples, by the parameters, against that of the known mean."""

    @pytest.mark.parametrize("concentration", [0.3, 1.0, 2.5, 20.0])
    def test_gamma(self, concentration):
        a = tritorch.full((100_000,), concentration, dtype=tritorch.float64, requires_grad=True)
        D.Gamma(a, tritorch.ones(1, dtype=tritorch.float64)).rsample().sum().backward()
        assert a.grad.mean().item() == pytest.approx(1.0, rel=0.03)  # the mean is a

    def test_beta(self):
        a = tritorch.full((100_000,), 2.0, dtype=tritorch.float64, requires_grad=True)
        b = tritorch.full((100_000,), 3.0, dtype=tritorch.float64, requires_grad=True)
        D.Beta(a, b).rsample().sum().backward()
        assert a.grad.mean().item() == pytest.approx(3 / 25, rel=0.05)
        assert b.grad.mean().item() == pytest.approx(-2 / 25, rel=0.05)

    def test_straight_through(self):
        probs = tritorch.tensor([0.2, 0.8], requires_grad=True)
        sample = D.OneHotCategoricalStraightThrough(probs).rsample()
        assert sorted(sample.tolist()) == pytest.approx([0.0, 1.0], abs=1e-6)
        (sample * tritorch.tensor([1.0, 3.0])).sum().backward()
        assert probs.grad.abs().sum() > 0


class TestDivergence:
    def test_against_torch(self):
        made = [make(case) for case in RECORDED["cases"]]
        for p, q, expected in RECORDED["divergences"]:
            got = D.kl_divergence(made[p], made[q]).reshape(-1)
            close(got, [float(v) for v in expected], rtol=1e-6, err_msg=f"{made[p]} {made[q]}")

    @pytest.mark.parametrize(
        ("p", "q"),
        [
            (D.Normal(0.3, 1.2), D.Normal(-0.5, 0.7)),
            (D.Laplace(0.3, 1.2), D.Laplace(-0.5, 0.7)),
            (D.Cauchy(0.3, 1.2), D.Cauchy(-0.5, 0.7)),
            (D.Gumbel(0.3, 0.8), D.Gumbel(-0.5, 0.9)),
            (D.Exponential(1.5), D.Exponential(0.7)),
            (D.Gamma(2.0, 1.5), D.Gamma(3.0, 0.7)),
            (D.Beta(2.0, 1.5), D.Beta(3.0, 0.7)),
            (D.Pareto(1.5, 4.0), D.Pareto(1.0, 2.5)),
            (D.Uniform(0.2, 0.7), D.Uniform(0.0, 1.0)),
            (D.Poisson(2.0), D.Poisson(3.0)),
            (D.Geometric(0.3), D.Geometric(0.6)),
            (D.Binomial(5, tritorch.tensor(0.3)), D.Binomial(5, tritorch.tensor(0.6))),
            (D.HalfNormal(1.0), D.HalfNormal(2.0)),
            (D.LogNormal(0.3, 1.2), D.LogNormal(-0.5, 0.7)),
            (D.Normal(0.3, 1.2), D.Laplace(-0.5, 0.7)),
            (D.Normal(0.3, 0.5), D.Gumbel(-0.5, 0.9)),
            (D.Uniform(0.2, 0.7), D.Beta(2.0, 1.5)),
            (D.Pareto(1.5, 4.0), D.Gamma(2.0, 1.5)),
            (D.Dirichlet(tritorch.tensor([1.0, 2.0, 3.0])), D.Dirichlet(tritorch.tensor([2.0, 1.0, 0.5]))),
        ],
        ids=lambda d: type(d).__name__,
    )
    def test_against_samples(self, p, q):
        x = p.sample((50_000,))
        terms = (p.log_prob(x) - q.log_prob(x)).double()
        expected, error = terms.mean().item(), terms.std().item() / math.sqrt(len(x))
        assert abs(D.kl_divergence(p, q).item() - expected) < 5 * error + 1e-5
        assert D.kl_divergence(p, p).item() == pytest.approx(0.0, abs=1e-5)

    def test_of_independent_ones(self):
        p, q = D.Normal(tritorch.zeros(3), 1.0), D.Normal(tritorch.ones(3), 1.0)
        assert D.kl_divergence(D.Independent(p, 1), D.Independent(q, 1)).item() == pytest.approx(1.5)

    def test_own_family(self):
        class Own(D.Normal):
            pass

        with pytest.raises(NotImplementedError, match="No KL"):
            D.kl_divergence(D.Normal(0.0, 1.0), D.Categorical(tritorch.ones(2)))
        assert D.kl_divergence(Own(0.0, 1.0), D.Normal(0.0, 1.0)).item() == 0.0

        @D.register_kl(Own, D.Normal)
        def own(p, q):
            return "own"

        assert D.kl_divergence(Own(0.0, 1.0), D.Normal(0.0, 1.0)) == "own"


class TestCombined:
    def test_independent(self):
        base = D.Normal(tritorch.randn(2, 3), 1.0)
        joint = D.Independent(base, 1)
        value = base.sample((4,))
        assert joint.batch_shape == (2,) and joint.event_shape == (3,)
        assert tritorch.allclose(joint.log_prob(value), base.log_prob(value).sum(-1))
        assert tritorch.allclose(joint.entropy(), base.entropy().sum(-1))
        assert joint.support.event_dim == 1
        with pytest.raises(ValueError, match="Expected reinterpreted_batch_ndims <="):
            D.Independent(base, 3)

    def test_mixture(self):
        weights, components = tritorch.tensor([0.3, 0.7]), D.Normal(tritorch.tensor([-1.0, 2.0]), 0.5)
        mixture = D.MixtureSameFamily(D.Categorical(weights), components)
        x = tritorch.tensor([0.0, 1.5, -2.0])
        expected = (weights * components.log_prob(x[:, None]).exp()).sum(-1).log()
        assert tritorch.allclose(mixture.log_prob(x), expected, atol=1e-6)
        assert mixture.mean.item() == pytest.approx(1.1) and mixture.variance.item() == pytest.approx(0.25 + 0.21 * 9)
        samples = mixture.sample((20_000,))
        assert samples.mean().item() == pytest.approx(1.1, abs=0.06)
        assert tritorch.allclose(mixture.cdf(x), (weights * components.cdf(x[:, None])).sum(-1))

    def test_mixture_of_vectors(self):
        components = D.Independent(D.Normal(tritorch.randn(4, 3), 1.0), 1)
        mixture = D.MixtureSameFamily(D.Categorical(tritorch.ones(4)), components)
        assert mixture.event_shape == (3,) and mixture.sample((5,)).shape == (5, 3)
        assert mixture.log_prob(mixture.sample((5,))).shape == (5,)

    def test_transformed(self):
        base = D.Normal(tritorch.zeros(3), 1.0)
        transformed = D.TransformedDistribution(base, [D.SigmoidTransform(), D.AffineTransform(1.0, -2.0)])
        x = transformed.sample((1000,))
        assert ((x > -1) & (x < 1)).all()
        y = (x - 1) / -2
        expected = base.log_prob(y.logit()) - (y * (1 - y)).log() - math.log(2)
        assert tritorch.allclose(transformed.log_prob(x), expected, atol=1e-3)
        below = (x[:, None] < transformed.icdf(tritorch.full((3,), 0.25))).float().mean(0)
        assert tritorch.allclose(below, tritorch.tensor(0.25), atol=0.06)


class TestArguments:
    def test_parameters_are_checked(self):
        with pytest.raises(
            ValueError, match=r"Expected parameter scale \(Tensor of shape \(1,\)\) of distribution Normal"
        ):
            D.Normal(tritorch.zeros(1), tritorch.tensor([-1.0]))
        D.Normal(tritorch.zeros(1), tritorch.tensor([-1.0]), validate_args=False)

    def test_values_are_checked(self):
        with pytest.raises(ValueError, match="to be within the support"):
            D.Exponential(1.0).log_prob(tritorch.tensor(-1.0))
        with pytest.raises(ValueError, match="The value argument to log_prob must be a Tensor"):
            D.Normal(0.0, 1.0).log_prob(0.0)
        with pytest.raises(ValueError, match="The right-most size of value must match event_shape"):
            D.Dirichlet(tritorch.ones(3)).log_prob(tritorch.ones(2) / 2)
        with pytest.raises(ValueError, match=r"Value is not broadcastable with batch_shape\+event_shape"):
            D.Normal(tritorch.zeros(3), 1.0).log_prob(tritorch.zeros(2))

    def test_probs_or_logits(self):
        for family in (D.Bernoulli, D.Categorical, D.Geometric, D.OneHotCategorical):
            with pytest.raises(ValueError, match="Either `probs` or `logits` must be specified, but not both"):
                family()
        with pytest.raises(ValueError, match="Exactly one of covariance_matrix or precision_matrix or scale_tril"):
            D.MultivariateNormal(tritorch.zeros(2))

    def test_default_can_be_switched_off(self):
        D.Distribution.set_default_validate_args(False)
        try:
            D.Normal(0.0, -1.0)
        finally:
            D.Distribution.set_default_validate_args(True)

    def test_numbers_broadcast(self):
        assert D.Normal(0, 1).batch_shape == () and D.Normal(tritorch.zeros(2, 1), tritorch.ones(3)).batch_shape == (
            2,
            3,
        )
        assert D.Normal(0.0, tritorch.ones(2, dtype=tritorch.float64)).sample().dtype is tritorch.float64

    def test_expand_of_a_subclass(self):
        class Shifted(D.Normal):
            def __init__(self, loc):
                super().__init__(loc, 1.0)

        assert Shifted(0.0).expand((3,)).batch_shape == (3,)
        assert constraints.is_dependent(D.Uniform.arg_constraints["low"])
