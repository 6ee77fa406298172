"""gradcheck finds what is wrong, and nothing else; functional derivatives agree with closed forms."""

import numpy as np
import pytest

import tritorch
from tritorch.autograd import Function, gradcheck, gradgradcheck
from tritorch.autograd import functional as AF
from tritorch.autograd.gradcheck import GradcheckError


def double(*shape, dtype=tritorch.float64):
    return tritorch.randn(*shape, dtype=dtype).requires_grad_()


class WrongBackward(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 3


class Accepts:
    @pytest.fixture(params=[False, True], ids=["slow", "fast"])
    def mode(self, request):
        return {"fast_mode": request.param}


class TestAccepts(Accepts):
    def test_right_derivatives(self, mode):
        x, y = double(2, 3), double(3)
        assert gradcheck(lambda x, y: (x * y).sin() + y, (x, y), **mode)
        assert gradgradcheck(lambda x, y: (x * y).sin() + y, (x, y), **mode)

    def test_several_outputs_and_other_arguments(self, mode):
        def function(x, factor, text):
            assert text == "text"
            return x * factor, x.sum(), x.exp()

        assert gradcheck(function, (double(3), 2.5, "text"), **mode)

    @pytest.mark.parametrize(
        "function",
        [
            lambda z: z * z,
            lambda z: z.abs(),
            lambda z: z.real * 2,
            lambda z: z.imag + z.real,
            lambda z: z.exp() * z.conj(),
        ],
        ids=["square", "abs", "real", "parts", "exp and conj"],
    )
    def test_complex(self, function, mode):
        assert gradcheck(function, (double(3, dtype=tritorch.complex128),), **mode)

    def test_real_to_complex(self, mode):
        assert gradcheck(lambda x: x * (2.0 + 3.0j), (double(3),), **mode)

    def test_views_of_the_input_and_of_nothing(self, mode):
        assert gradcheck(lambda x: x.T, (double(2, 3),), **mode)
        assert gradcheck(lambda x: x * 2, (double(0, 3),), **mode)
        assert gradcheck(lambda x: x * 2, (double(),), **mode)

    def test_non_contiguous_input(self, mode):
        x = tritorch.randn(3, 2, dtype=tritorch.float64).T.requires_grad_()
        assert gradcheck(lambda x: x.exp(), (x,), **mode)

    def test_input_is_left_as_it_was(self):
        x = double(3)
        before, version = x.tolist(), x._version
        gradcheck(lambda x: x.exp(), (x,))
        assert x.tolist() == before and x._version == version

    def test_non_contiguous_grad_outputs(self, mode):
        assert gradgradcheck(lambda x: x.exp(), (double(3),), gen_non_contig_grad_outputs=True, **mode)

    def test_given_grad_outputs(self, mode):
        assert gradgradcheck(lambda x: x.exp(), (double(3),), double(3), **mode)


class TestRefuses(Accepts):
    def test_wrong_derivative(self, mode):
        x = double(2)
        with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0,\nnum"):
            gradcheck(WrongBackward.apply, (x,), **mode)
        assert not gradcheck(WrongBackward.apply, (x,), raise_exception=False, **mode)

    def test_wrong_second_derivative(self, mode):
        class WrongTwice(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, g):
                return 2 * g * ctx.saved_tensors[0].detach()

        x = double(2)
        assert gradcheck(WrongTwice.apply, (x,), **mode)
        with pytest.raises(GradcheckError, match=r"Numerical gradient for function expected|Jacobian mismatch"):
            gradgradcheck(WrongTwice.apply, (x,), **mode)

    def test_missing_derivative(self, mode):
        with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
            gradcheck(lambda x: x.detach() * 2, (double(2),), **mode)
        assert gradcheck(lambda x: x.detach() * 0, (double(2),), **mode)

    def test_imaginary_part(self, mode):
        class WrongImaginary(Function):
            @staticmethod
            def forward(ctx, z):
                return z * 1

            @staticmethod
            def backward(ctx, g):
                return g.real + 0j

        with pytest.raises(GradcheckError, match="While considering the imaginary part of complex outputs only"):
            gradcheck(WrongImaginary.apply, (double(2, dtype=tritorch.complex128),), **mode)

    def test_random_backward(self, mode):
        class Noisy(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 1

            @staticmethod
            def backward(ctx, g):
                return g + 1e-9 * tritorch.rand_like(g) * (g != 0)

        with pytest.raises(GradcheckError, match="Backward is not reentrant"):
            gradcheck(Noisy.apply, (double(2),), **mode)
        assert gradcheck(Noisy.apply, (double(2),), nondet_tol=1e-8, **mode)

    def test_gradient_that_does_not_vanish(self):
        class Constant(Function):
            @staticmethod
            def forward(ctx, x):
                return x * 1

            @staticmethod
            def backward(ctx, g):
                return tritorch.ones_like(g)

        with pytest.raises(GradcheckError, match="backward not multiplied by grad_output"):
            gradcheck(Constant.apply, (double(1),))

    def test_undefined_gradients(self):
        class Demanding(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.set_materialize_grads(False)
                return x * 1, x * 2

            @staticmethod
            def backward(ctx, g, h):
                return g + 2 * h

        def function(x):
            a, b = Demanding.apply(x)
            return a, b

        with pytest.raises((GradcheckError, TypeError)):
            gradcheck(function, (double(2),))

    def test_inputs(self):
        with pytest.raises(ValueError, match="expects at least one input tensor to require gradient"):
            gradcheck(lambda x: x, (tritorch.ones(2),))
        with pytest.raises(RuntimeError, match="has a dimension with stride 0"):
            gradcheck(lambda x: x * 1, (tritorch.ones(1, dtype=tritorch.float64).expand(3).requires_grad_(),))
        with pytest.warns(UserWarning, match="is not a double precision floating point"):
            gradcheck(lambda x: x * 1, (tritorch.ones(2, requires_grad=True),), eps=1e-2, atol=1e-2)
        with pytest.raises(RuntimeError, match="not supported"):
            gradcheck(lambda x: x, (double(1),), check_forward_ad=True)

    def test_shape_that_depends_on_the_input(self):
        x = tritorch.zeros(1, dtype=tritorch.float64, requires_grad=True)
        with pytest.raises(AssertionError, match="Expected `func` to return outputs with the same shape"):
            gradcheck(lambda x: x.expand(2 if x.item() > 0 else 1) * 1, (x,))


class TestFunctional:
    def test_jacobian(self):
        x, y = tritorch.tensor([1.0, 2.0]), tritorch.tensor([3.0])
        assert AF.jacobian(lambda x: x * x, x).tolist() == [[2.0, 0.0], [0.0, 4.0]]
        (xx, xy), (yx, yy) = AF.jacobian(lambda x, y: (x * y, y * y), (x, y))
        assert xx.tolist() == [[3.0, 0.0], [0.0, 3.0]] and xy.tolist() == [[1.0], [2.0]]
        assert yx.tolist() == [[0.0, 0.0]] and yy.tolist() == [[6.0]]
        assert AF.jacobian(lambda x: x[:0], x).shape == (0, 2)

    def test_jacobian_shapes(self):
        assert AF.jacobian(lambda x: x @ x.T, tritorch.randn(2, 3)).shape == (2, 2, 2, 3)
        assert AF.jacobian(lambda x: x.sum(), tritorch.randn(2, 3)).shape == (2, 3)

    def test_create_graph(self):
        x = tritorch.tensor([1.0, 2.0], requires_grad=True)
        jacobian = AF.jacobian(lambda x: x**3, x, create_graph=True)
        jacobian.sum().backward()
        assert x.grad.tolist() == [6.0, 12.0]
        assert not AF.jacobian(lambda x: x**3, x).requires_grad

    def test_hessian(self):
        x, y = tritorch.tensor([1.0, 2.0]), tritorch.tensor(3.0)
        assert AF.hessian(lambda x: (x**3).sum(), x).tolist() == [[6.0, 0.0], [0.0, 12.0]]
        (xx, xy), (yx, yy) = AF.hessian(lambda x, y: (x * x * y).sum(), (x, y))
        assert xx.tolist() == [[6.0, 0.0], [0.0, 6.0]] and xy.tolist() == [2.0, 4.0]
        assert yx.tolist() == [2.0, 4.0] and yy.item() == 0.0

    def test_products(self):
        matrix = tritorch.randn(3, 2)
        x, v, u = tritorch.randn(2), tritorch.randn(2), tritorch.randn(3)
        value, product = AF.vjp(lambda x: matrix @ x, x, u)
        np.testing.assert_allclose(value.numpy(), (matrix @ x).numpy(), rtol=1e-5)
        np.testing.assert_allclose(product.numpy(), (matrix.T @ u).numpy(), rtol=1e-5)
        np.testing.assert_allclose(AF.jvp(lambda x: matrix @ x, x, v)[1].numpy(), (matrix @ v).numpy(), rtol=1e-5)

        def function(x):
            return (x**3).prod()

        dense = AF.hessian(function, x)
        for product in (AF.vhp, AF.hvp):
            np.testing.assert_allclose(product(function, x, v)[1].numpy(), (dense @ v).numpy(), rtol=1e-4)

    def test_vector_is_checked(self):
        x = tritorch.ones(2)
        with pytest.raises(RuntimeError, match="v can only be None"):
            AF.vjp(lambda x: x * 2, x)
        with pytest.raises(RuntimeError, match="v has invalid size"):
            AF.vjp(lambda x: x * 2, x, tritorch.ones(3))
        with pytest.raises(RuntimeError, match="v is a tuple of invalid length"):
            AF.vjp(lambda x: (x, x), x, (x,))
        assert AF.vjp(lambda x: x.sum(), x)[1].tolist() == [1.0, 1.0]

    def test_strict(self):
        x = tritorch.ones(2)
        assert AF.jacobian(lambda x: tritorch.ones(1, requires_grad=True) * 2, x).tolist() == [[0.0, 0.0]]
        with pytest.raises(RuntimeError, match="is independent of input 0"):
            AF.jacobian(lambda x: tritorch.ones(1, requires_grad=True) * 2, x, strict=True)
        with pytest.raises(RuntimeError, match="Output 0 of the user-provided function does not require gradients"):
            AF.vjp(lambda x: x.detach().sum(), x, strict=True)
        with pytest.raises(RuntimeError, match="is independent of"):
            AF.hessian(lambda x: x.sum(), x, strict=True)

    def test_wrong_types(self):
        with pytest.raises(TypeError, match="The inputs given to jacobian must be either a Tensor or a tuple"):
            AF.jacobian(lambda x: x, 3)
        with pytest.raises(TypeError, match="value at index 1 has type"):
            AF.jacobian(lambda x: (x, 3), tritorch.ones(1))
        with pytest.raises(RuntimeError, match="should contain a single element"):
            AF.hessian(lambda x: x, tritorch.ones(2))
