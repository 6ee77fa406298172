"""Derivatives against finite differences: the oracle of every derivative in the library.

For each input x and output y, the Jacobian that backward gives, row by row, must agree with central differences
of the function, column by column. A complex input counts as two real ones, combined as torch does into the
conjugate Wirtinger derivative dy/dRe(x) + i dy/dIm(x); a complex output as two real outputs. In fast mode one
random combination of rows and columns stands for all: v (J u) against (v J) u.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import _C
from ..tensor import Tensor
from .engine import grad
from .function import Function, FunctionCtx

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Raised by :func:`gradcheck` and :func:`gradgradcheck` where derivative and differences disagree."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compares the derivatives of :attr:`func` at :attr:`inputs` with central differences.

    Args:
        func: takes :attr:`inputs`, returns a Tensor or a tuple of them.
        inputs: a Tensor or a tuple; those that require grad are checked. float64 or complex128, or it will not be
            precise enough; of any shape, but no element of memory may stand for two.
        eps: the step of the differences.
        atol, rtol: allowed difference: ``|analytical - numerical| <= atol + rtol * |numerical|``.
        raise_exception: raise on disagreement, instead of returning False.
        nondet_tol: allowed difference between two runs of the same backward.
        check_undefined_grad: also check that backward takes undefined gradients of outputs for zeros.
        check_grad_dtypes: also check that gradients have their inputs' dtypes.
        fast_mode: check one random combination instead of each element.
        check_batched_grad, check_batched_forward_grad, check_forward_ad: not supported: a RuntimeError.
        check_backward_ad, masked: accepted as in torch.

    Raises:
        GradcheckError: they disagree; the message shows both Jacobians.
        ValueError: no input requires grad.

    >>> import tritorch
    >>> x = tritorch.rand(3, dtype=tritorch.float64, requires_grad=True)
    >>> tritorch.autograd.gradcheck(lambda x: x.sin() * x, (x,))
    True
    """
    if check_batched_grad or check_batched_forward_grad or check_forward_ad or not check_backward_ad:
        raise RuntimeError("gradcheck: batched and forward-mode derivatives are not supported")
    arguments = _as_tuple(inputs)
    _check_inputs(arguments)
    check = _Check(func, arguments, eps, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode)
    try:
        check.run()
        if check_undefined_grad:
            check.undefined_grads()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """:func:`gradcheck` of the backward of :attr:`func`, by its inputs and by the gradients of its outputs.

    Args:
        func, inputs: as for :func:`gradcheck`.
        grad_outputs: the gradients of the outputs to start from; by default random, in [-1, 1].
        gen_non_contig_grad_outputs: make the random ones non-contiguous.
        Others: as for :func:`gradcheck`.

    >>> import tritorch
    >>> x = tritorch.rand(3, dtype=tritorch.float64, requires_grad=True)
    >>> tritorch.autograd.gradgradcheck(lambda x: x.sin() * x, (x,))
    True
    """
    arguments = _as_tuple(inputs)
    if grad_outputs is None:
        random = np.random.default_rng(0)
        outputs = _differentiable(func(*arguments))
        cotangents = tuple([_random_grad(o, random, gen_non_contig_grad_outputs) for o in outputs])
    else:
        cotangents = _as_tuple(grad_outputs)

    def backward_of_func(*args: Any) -> tuple:
        xs, gs = args[: len(arguments)], args[len(arguments) :]
        wanted = [x for x in xs if _is_checked(x)]
        grads = grad(_differentiable(func(*xs)), wanted, gs, create_graph=True, allow_unused=True)
        return tuple([g for g in grads if g is not None])

    return gradcheck(
        backward_of_func,
        arguments + cotangents,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _as_tuple(x: Any) -> tuple:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _is_checked(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _differentiable(outputs: Any) -> tuple[Tensor, ...]:
    return tuple([o for o in _as_tuple(outputs) if _is_checked(o)])


def _host(x: Tensor) -> np.ndarray:
    """The values on the CPU: the tensor's own memory, if that is where it lives."""
    return x.detach().cpu().numpy()


def _like(array: np.ndarray, x: Tensor) -> Tensor:
    return _C.wrap(np.array(array, x.dtype.np)).to(x.device)


def _random_grad(output: Tensor, random: "np.random.Generator", spread: bool) -> Tensor:
    values = random.uniform(-1, 1, output.shape)
    if output.dtype.is_complex:
        values = values + 1j * random.uniform(-1, 1, output.shape)
    g = _like(values, output)
    if spread and g.ndim:
        g = _C.wrap(np.repeat(g.numpy(), 2, axis=-1)[..., ::2])
    return g.requires_grad_()


def _check_inputs(inputs: tuple) -> None:
    for index, x in enumerate(inputs):
        if not _is_checked(x):
            continue
        if x.dtype.np not in (np.float64, np.complex128):
            warnings.warn(
                f"Input #{index} requires gradient and is not a double precision floating point or complex. This "
                "check will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if any(stride == 0 and size > 1 for stride, size in zip(x.stride(), x.shape, strict=True)):
            raise RuntimeError(
                f"The {index}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                ".contiguous on the input before passing it to gradcheck."
            )
    if not any(map(_is_checked, inputs)):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )


class _Undefined(Function):
    """The identity, except that backward it gives no gradient at all."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        return x.detach()

    @staticmethod
    def backward(ctx: FunctionCtx, g: Tensor) -> None:
        return None


class _Check:
    """One comparison: the function, its arguments, the tolerances."""

    def __init__(
        self,
        func: Callable[..., Any],
        arguments: tuple,
        eps: float,
        atol: float,
        rtol: float,
        nondet_tol: float,
        check_dtypes: bool,
        fast: bool,
    ) -> None:
        self.func, self.arguments = func, arguments
        self.eps, self.atol, self.rtol, self.nondet_tol = eps, atol, rtol, nondet_tol
        self.check_dtypes, self.fast = check_dtypes, fast
        self.inputs: list[Tensor] = [x for x in arguments if _is_checked(x)]
        self.random = np.random.default_rng(0)

    def run(self) -> None:
        everything = _as_tuple(self.func(*self.arguments))
        outputs = _differentiable(everything)
        rows = [self._combination(o) for o in outputs]
        pairs = zip(outputs, rows, strict=True)
        analytical = [[self._backward(o, v, part) for part in self._parts(o)] for o, v in pairs]
        for i, x in enumerate(self.inputs):
            u = self._combination(x)
            numerical = self._differences(x, everything, u)
            if not outputs and any(np.any(n != 0) for n in numerical):
                raise GradcheckError("Numerical gradient for function expected to be zero")
            numerical = [n for n, o in zip(numerical, everything, strict=True) if _is_checked(o)]
            for j, (o, v) in enumerate(zip(outputs, rows, strict=True)):
                for part, a in zip(self._parts(o), analytical[j], strict=True):
                    self._compare(a[i], numerical[j], u, v, part, (j, i))
        self._zero_grads(outputs)

    # In what follows a Jacobian is held as torch prints it: one row an element of the input, one column an
    # element of the output; `u` combines rows and `v` columns, and None stands for each of them by itself.

    def _combination(self, x: Tensor) -> np.ndarray | None:
        if not self.fast:
            return None
        vector = self.random.uniform(0, 1, x.numel())
        return vector / (np.linalg.norm(vector) or 1)

    @staticmethod
    def _parts(output: Tensor) -> tuple[str, ...]:
        return ("imaginary", "real") if output.dtype.is_complex else ("",)

    def _compare(self, a: np.ndarray, n: np.ndarray, u: Any, v: Any, part: str, at: tuple[int, int]) -> None:
        if part:
            n = n[1] if part == "imaginary" else n[0]
        atol = self.atol
        if u is not None:
            a, n = a.T @ u, n @ v
            atol *= u.sum() * v.sum() * (2 if np.iscomplexobj(a) else 1)
        if not np.allclose(a, n, self.rtol, atol):
            prefix = f"While considering the {part} part of complex outputs only, " if part else ""
            raise GradcheckError(
                f"{prefix}Jacobian mismatch for output {at[0]} with respect to input {at[1]},\n"
                f"numerical:{_C.wrap(n)}\nanalytical:{_C.wrap(a)}\n"
            )

    # ---- by differences

    def _differences(self, x: Tensor, outputs: tuple, u: np.ndarray | None) -> list[np.ndarray]:
        """The Jacobian of each output, by :attr:`x`; a complex output gives its real and imaginary part's."""
        columns = [self._directional(x, outputs, direction) for direction in self._directions(x, u)]
        if not columns:
            columns = [[np.zeros((0, o.numel())) for o in outputs]]
            return [np.stack([c, c]) if o.dtype.is_complex else c for c, o in zip(columns[0], outputs, strict=True)]
        return [np.stack(rows, axis=-2) for rows in zip(*columns, strict=True)]

    @staticmethod
    def _directions(x: Tensor, u: np.ndarray | None) -> Iterator[tuple[Any, Any]]:
        """Pairs of an index and what to add there: each element by itself, or all in the proportions of u."""
        if u is not None:
            yield ..., u.reshape(x.shape)
        else:
            for index in np.ndindex(*x.shape):
                yield index, 1.0

    def _directional(self, x: Tensor, outputs: tuple, direction: tuple) -> list[np.ndarray]:
        real = self._central(x, outputs, direction, 1)
        if not x.dtype.is_complex:
            return real
        return [r + 1j * i for r, i in zip(real, self._central(x, outputs, direction, 1j), strict=True)]

    def _central(self, x: Tensor, outputs: tuple, direction: tuple, unit: complex) -> list[np.ndarray]:
        at, amount = direction
        memory = _host(x)
        before = memory[at].copy()
        sides = []
        for step in (-self.eps, self.eps):
            memory[at] = before + amount * (step * unit)
            self._store(x, memory)
            sides.append([_host(o).copy() for o in self._perturbed(outputs, at)])
        memory[at] = before
        self._store(x, memory)
        slopes = [(above - below).reshape(-1) / (2 * self.eps) for below, above in zip(*sides, strict=True)]
        return [np.stack([s.real, s.imag]) if np.iscomplexobj(s) else s for s in slopes]

    @staticmethod
    def _store(x: Tensor, memory: np.ndarray) -> None:
        if x.device.type != "cpu":
            x.data.copy_(_C.wrap(memory))

    def _perturbed(self, outputs: tuple, at: Any) -> Sequence[Tensor]:
        again = _as_tuple(self.func(*self.arguments))
        for o, p in zip(outputs, again, strict=True):
            for what, expected, got in (("shape", o.shape, p.shape), ("dtype", o.dtype, p.dtype)):
                if expected != got:
                    raise AssertionError(
                        f"Expected `func` to return outputs with the same {what} when inputs are perturbed on index "
                        f"{at} by {self.eps}, but got: {what}s {expected} and {got}."
                    )
        return again

    # ---- by backward

    def _backward(self, output: Tensor, v: np.ndarray | None, part: str) -> list[np.ndarray]:
        """The Jacobian of :attr:`output` by each input."""
        unit = 1j if part == "imaginary" else 1
        rows = np.eye(output.numel()) if v is None else v[None]
        cotangents = [_like(row.reshape(output.shape) * unit, output) for row in rows]
        once, again = self._rows(output, cotangents), self._rows(output, cotangents)
        for a, b in zip(once, again, strict=True):
            if a.size and np.abs(a - b).max() > self.nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    "gives different values, although analytical gradient matches numerical gradient. "
                    f"The tolerance for nondeterminism was {self.nondet_tol}."
                )
        return once

    def _rows(self, output: Tensor, cotangents: list[Tensor]) -> list[np.ndarray]:
        jacobians = [np.zeros((x.numel(), len(cotangents)), x.dtype.np) for x in self.inputs]
        for column, cotangent in enumerate(cotangents):
            grads = grad(output, self.inputs, cotangent, retain_graph=True, allow_unused=True)
            for jacobian, g, x in zip(jacobians, grads, self.inputs, strict=True):
                if g is not None:
                    if self.check_dtypes and g.dtype != x.dtype:
                        raise GradcheckError("Gradient has dtype mismatch")
                    jacobian[:, column] = _host(g).reshape(-1)
        return jacobians

    def _zero_grads(self, outputs: tuple[Tensor, ...]) -> None:
        zeros = [_like(np.zeros(o.shape), o) for o in outputs]
        for g in grad(outputs, self.inputs, zeros, allow_unused=True) if outputs else ():
            if g is not None and np.any(_host(g) != 0):
                raise GradcheckError("backward not multiplied by grad_output")

    def undefined_grads(self) -> None:
        """With all gradients undefined, and with each one of several, backward gives zeros and does not fail."""
        count = len(_differentiable(self.func(*self.arguments)))
        cases = [range(count)] + ([range(i, i + 1) for i in range(count)] if count > 1 else [])
        for undefined in cases if count else ():
            outputs = _differentiable(self.func(*self.arguments))
            outputs = [_Undefined.apply(o) if i in undefined else o for i, o in enumerate(outputs)]
            zeros = [_like(np.zeros(o.shape), o) for o in outputs]
            try:
                grads = grad(outputs, self.inputs, zeros, allow_unused=True)
            except RuntimeError as error:
                raise GradcheckError("Expected backward function to handle undefined output grads.") from error
            if any(g is not None and np.any(_host(g) != 0) for g in grads):
                raise GradcheckError(
                    "Expected all input grads to be undefined or zero when all output grads are undefined or zero."
                )
