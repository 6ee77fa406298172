"""Transforms invert, and their Jacobians are right; constraints and their registries."""

import pytest

import tritorch
from tritorch import distributions as D
from tritorch.autograd.functional import jacobian
from tritorch.distributions import biject_to, constraints, transform_to, transforms
from tritorch.distributions.utils import lazy_property, tril_matrix_to_vec, vec_to_tril_matrix


def real(*shape):
    return tritorch.randn(*shape, dtype=tritorch.float64)


TRANSFORMS = [
    transforms.ExpTransform(),
    transforms.SigmoidTransform(),
    transforms.SoftplusTransform(),
    transforms.TanhTransform(),
    transforms.AffineTransform(1.0, -2.0),
    transforms.AffineTransform(real(3), real(3).exp(), event_dim=1),
    transforms.ComposeTransform([transforms.AffineTransform(0.5, 2.0), transforms.ExpTransform()]),
    transforms.ComposeTransform([transforms.ExpTransform(), transforms.PowerTransform(tritorch.tensor(0.5).double())]),
    transforms.IndependentTransform(transforms.ExpTransform(), 1),
    transforms.StickBreakingTransform(),
    transforms.CorrCholeskyTransform(),
    transforms.ReshapeTransform((3,), (1, 3)),
    transforms.CatTransform([transforms.ExpTransform(), transforms.TanhTransform()], dim=-1, lengths=[1, 2]),
    transforms.StackTransform(
        [transforms.ExpTransform(), transforms.TanhTransform(), transforms.identity_transform], -1
    ),
    transforms.CumulativeDistributionTransform(D.Normal(0.0, 1.0)),
]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: type(t).__name__)
class TestTransforms:
    def test_inverts(self, transform):
        x = real(2, 3)
        y = transform(x)
        assert transform.codomain.check(y).all()
        assert tritorch.allclose(transform.inv(y), x, atol=1e-7)
        assert transform.inv.inv is transform and transform.bijective
        assert transform.forward_shape(x.shape) == y.shape and transform.inverse_shape(y.shape) == x.shape

    def test_jacobian(self, transform):
        x = real(3)
        y = transform(x)
        got = transform.log_abs_det_jacobian(x, y)
        matrix = jacobian(transform, x).reshape(-1, 3)
        if isinstance(transform, transforms.StickBreakingTransform):
            matrix = matrix[:-1]  # the last element is what is left
        elif isinstance(transform, transforms.CorrCholeskyTransform):
            matrix = jacobian(lambda x: tril_matrix_to_vec(transform(x), -1), x)
        size = tritorch.linalg.slogdet(matrix).logabsdet
        assert got.sum().item() == pytest.approx(size.item(), abs=1e-6)
        back = transform.inv.log_abs_det_jacobian(y, x)
        assert tritorch.allclose(back, -got)

    def test_cache(self, transform):
        try:
            cached = transform.with_cache()
        except NotImplementedError:
            pytest.fail("no cache")
        x = real(2, 3)
        y = cached(x)
        if not isinstance(cached, transforms.ComposeTransform):
            assert cached.inv(y) is x and cached(x) is y
        assert cached.with_cache(1) is cached


def test_equality():
    assert transforms.ExpTransform() == transforms.ExpTransform()
    assert transforms.ExpTransform() != transforms.TanhTransform()
    assert transforms.AffineTransform(1.0, 2.0) == transforms.AffineTransform(1.0, 2.0)
    assert transforms.AffineTransform(1.0, 2.0) != transforms.AffineTransform(1.0, 3.0)
    assert transforms.ExpTransform().inv == transforms.ExpTransform().inv


def test_to_the_simplex_and_matrices():
    x = real(2, 3)
    y = transforms.SoftmaxTransform()(x)
    assert constraints.simplex.check(y).all()
    factor = transforms.LowerCholeskyTransform()(real(4, 3, 3))
    assert constraints.lower_cholesky.check(factor).all()
    matrix = transforms.PositiveDefiniteTransform()(real(4, 3, 3))
    assert constraints.positive_definite.check(matrix).all()
    assert tritorch.allclose(
        transforms.PositiveDefiniteTransform()(transforms.PositiveDefiniteTransform().inv(matrix)), matrix
    )
    assert transforms.AbsTransform()(tritorch.tensor([-1.0, 2.0])).tolist() == [1.0, 2.0]


CONSTRAINTS = [
    (constraints.real, [0.0, -1.0], [float("nan")]),
    (constraints.positive, [1.0, 0.1], [0.0, -1.0]),
    (constraints.nonnegative, [1.0, 0.0], [-1.0]),
    (constraints.unit_interval, [0.0, 0.5, 1.0], [-0.1, 1.1]),
    (constraints.half_open_interval(0.0, 1.0), [0.0, 0.5], [1.0]),
    (constraints.greater_than(2.0), [2.1], [2.0]),
    (constraints.greater_than_eq(2.0), [2.0], [1.9]),
    (constraints.less_than(2.0), [1.9], [2.0]),
    (constraints.boolean, [0.0, 1.0], [0.5]),
    (constraints.nonnegative_integer, [0.0, 3.0], [-1.0, 0.5]),
    (constraints.positive_integer, [1.0], [0.0]),
    (constraints.integer_interval(1, 3), [1.0, 3.0], [0.0, 2.5, 4.0]),
    (constraints.simplex, [[0.5, 0.5]], [[0.5, 0.6], [-0.1, 1.1]]),
    (constraints.one_hot, [[0.0, 1.0]], [[1.0, 1.0], [0.5, 0.5]]),
    (constraints.multinomial(3), [[1.0, 2.0]], [[2.0, 2.0], [-1.0, 0.0]]),
    (constraints.real_vector, [[0.0, 1.0]], [[0.0, float("nan")]]),
    (constraints.lower_triangular, [[[1.0, 0.0], [2.0, 3.0]]], [[[1.0, 1.0], [2.0, 3.0]]]),
    (constraints.lower_cholesky, [[[1.0, 0.0], [2.0, 3.0]]], [[[-1.0, 0.0], [2.0, 3.0]]]),
    (constraints.corr_cholesky, [[[1.0, 0.0], [0.6, 0.8]]], [[[1.0, 0.0], [0.6, 0.9]]]),
    (constraints.symmetric, [[[1.0, 2.0], [2.0, 3.0]]], [[[1.0, 2.0], [2.1, 3.0]]]),
    (constraints.positive_definite, [[[2.0, 1.0], [1.0, 2.0]]], [[[1.0, 2.0], [2.0, 1.0]]]),
    (constraints.positive_semidefinite, [[[2.0, 0.0], [0.0, 1.0]]], [[[1.0, 2.0], [2.0, 1.0]]]),
]


@pytest.mark.parametrize(("constraint", "inside", "outside"), CONSTRAINTS, ids=lambda c: str(c)[:20])
def test_constraints(constraint, inside, outside):
    assert constraint.check(tritorch.tensor(inside)).all()
    assert not constraint.check(tritorch.tensor(outside)).any()


def test_compound_constraints():
    both = constraints.cat([constraints.positive, constraints.unit_interval], 0, [1, 2])
    assert both.check(tritorch.tensor([3.0, 0.5, 2.0])).tolist() == [True, True, False]
    stacked = constraints.stack([constraints.positive, constraints.real])
    assert stacked.check(tritorch.tensor([-1.0, -1.0])).tolist() == [False, True]
    assert constraints.independent(constraints.positive, 1).check(tritorch.ones(2, 3)).tolist() == [True, True]
    assert repr(constraints.interval(0, 1)) == "Interval(lower_bound=0, upper_bound=1)"
    with pytest.raises(ValueError, match="Cannot determine validity of dependent constraint"):
        constraints.dependent.check(tritorch.ones(1))
    with pytest.raises(NotImplementedError, match="cannot be determined statically"):
        _ = constraints.dependent.event_dim


@pytest.mark.parametrize("registry", [biject_to, transform_to], ids=["biject_to", "transform_to"])
def test_registries(registry):
    for constraint in (
        constraints.real,
        constraints.positive,
        constraints.nonnegative,
        constraints.greater_than(2.0),
        constraints.less_than(-1.0),
        constraints.unit_interval,
        constraints.interval(-1.0, 2.0),
        constraints.half_open_interval(0.0, 3.0),
        constraints.simplex,
        constraints.real_vector,
        constraints.independent(constraints.positive, 1),
        constraints.corr_cholesky,
        constraints.cat([constraints.positive, constraints.real], -1, [1, 2]),
        constraints.stack([constraints.positive] * 3, -1),
    ):
        transform = registry(constraint)
        assert constraint.check(transform(real(4, 3))).all(), constraint
    with pytest.raises(NotImplementedError, match="Cannot transform _Boolean constraints"):
        registry(constraints.boolean)


def test_register():
    class Even(constraints.Constraint):
        pass

    registry = D.constraint_registry.ConstraintRegistry()

    @registry.register(Even)
    def even(constraint):
        return "even"

    assert registry(Even()) == "even"
    with pytest.raises(TypeError, match="Expected constraint to be either a Constraint subclass or instance"):
        registry.register(int, even)


def test_triangles():
    vector = real(2, 6)
    matrix = vec_to_tril_matrix(vector)
    assert matrix.shape == (2, 3, 3) and tritorch.equal(tril_matrix_to_vec(matrix), vector)
    with pytest.raises(ValueError, match="cannot be expressed as the lower triangular part"):
        vec_to_tril_matrix(real(5))


def test_lazy_property():
    class Made:
        count = 0

        @lazy_property
        def value(self):
            self.count += 1
            return self.count

    made = Made()
    assert made.value == made.value == 1 and isinstance(Made.value, lazy_property)
