"""``check_op``: all generic tests of one operator, as one call; what ``tritorch check`` shows as a table."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import _api as tt
from ..autograd import grad
from ..ops._samples import Sample, samples_of
from ..runtime import gpu
from . import devices, operators
from .calls import assert_same, mapped, needs_grad, operator_of, poisoned, run, tensors_of
from .operators import NotApplicable

__all__ = ["Check", "check_op", "examine", "examine_device"]


class Check(NamedTuple):
    """One test of an operator.

    Attributes:
        name: what was tested.
        passed: True, False, or None where it does not apply or was not run.
        detail: what is wrong, or why it was not run.
        error: the exception, where one was raised.
    """

    name: str
    passed: bool | None
    detail: str = ""
    error: BaseException | None = None


def examine(op: Any, *, reference: Callable | None = None, device: str | None = None) -> Iterator[Check]:
    """Runs the generic tests of an operator, one after the other, and yields what each of them found.

    Args:
        op: an operator: the class, its function, or its name.
        reference: what the operator means, as a function of the same arguments in tensors (eager lines): values and
            gradients are held against it on the CPU.
        device: "cuda" to compare a device with the CPU; None does where there is one, simulated or real; "cpu" does not.
    """
    op = operator_of(op)
    reference = reference or op.reference
    window = bool(op.windows)
    tests: list[tuple[str, Callable[[], Any]]] = [
        ("samples", lambda: operators.samples_run(op)),
        ("reference", lambda: _against(op, reference)),
        ("gradcheck", lambda: _counted(operators.first_derivatives(op))),
        ("gradgradcheck", lambda: _counted(operators.second_derivatives(op))),
        ("in place", lambda: operators.inplace_form(op)),
        ("out=", lambda: operators.out_form(op)),
        ("method", lambda: operators.method_form(op)),
        ("strides: gaps", lambda: operators.layouts_agree(op, "gaps", compare=not window)),
        ("strides: permuted", lambda: operators.layouts_agree(op, "permuted", compare=not window)),
        ("strides: expanded", lambda: operators.expanded_inputs(op, compare=not window)),
        ("empty and small", lambda: operators.small_shapes(op)),
        ("NaN and infinity", lambda: [operators.non_finite(op, x) for x in (np.nan, np.inf, -np.inf)]),
        ("dtypes", lambda: [operators.dtypes(op, name) for name in operators.DTYPES]),
        ("half precision", lambda: [operators.half_precision(op, name) for name in operators.ROUNDINGS]),
        ("determinism", lambda: operators.deterministic(op)),
        ("nothing to derive", lambda: operators.without_derivative(op)),
    ]
    for name, test in tests:
        yield _checked(name, test)
    if device != "cpu":
        yield from examine_device(op)


def examine_device(op: Any) -> Iterator[Check]:
    """The part of :func:`examine` that compares a device with the CPU."""
    for name, test in _on_device(operator_of(op)):
        yield _checked(name, test)


def _checked(name, test):
    try:
        test()
    except NotApplicable as why:
        return Check(name, None, str(why))
    except Exception as error:  # whatever the operator raises is a finding
        text = str(error).strip() or type(error).__name__
        if not isinstance(error, AssertionError):
            text = f"{type(error).__name__}: {text}"
        return Check(name, False, text, error)
    return Check(name, True)


def _counted(count):
    if not count:
        raise NotApplicable("it has no derivative")


def _against(op, reference):
    """Values and gradients of the samples are those of ``reference``."""
    if reference is None:
        raise NotApplicable("no reference was given")
    for sample in samples_of(op, operators.compares_in(op), requires_grad=True):
        expected, got = tensors_of(reference(*sample.args, **sample.kwargs)), run(op, sample)
        assert_same(got, expected)
        inputs = [x for x in tensors_of([list(sample.args), sample.kwargs]) if needs_grad(x)]
        pairs = [(a, b) for a, b in zip(got, expected, strict=True) if needs_grad(a) and needs_grad(b)]
        if inputs and pairs:
            seeds = [tt.linspace(0.5, 1.5, a.numel()).reshape(a.shape).to(a.dtype) for a, _ in pairs]
            mine = grad([a for a, _ in pairs], inputs, seeds, allow_unused=True)
            theirs = grad([b for _, b in pairs], inputs, seeds, allow_unused=True)
            assert_same([x for x in mine if x is not None], [x for x in theirs if x is not None], tolerance=1e-4)


def _on_device(op):
    """The tests that need a device."""
    why = gpu.explain()

    def each(samples: Callable[[], list[Sample]], **options):
        def test():
            if why is not None:
                raise NotApplicable(why)
            if not all(devices.agrees(op, sample, **options) for sample in samples()):
                raise NotApplicable("it has no kernel")

        return test

    def emptied():
        return [mapped(lambda x: x[..., :0] if x.ndim else x, s) for s in samples_of(op)[:1]]

    def twice():
        if why is not None:
            raise NotApplicable(why)
        try:
            operators.deterministic(op, device="cuda")
        except NotImplementedError as error:
            raise NotApplicable("it has no kernel") from error

    device = "GPU" if gpu.is_real() else "interpreter"
    yield f"{device}: values, gradients", each(lambda: samples_of(op, requires_grad=True), gradients=True)
    for name in ("float64", "bfloat16"):
        yield (
            f"{device}: {name}",
            each(lambda name=name: samples_of(op, operators.sample_dtype(op, getattr(tt, name)))[:2]),
        )
    yield f"{device}: strides", each(lambda: samples_of(op)[:1], layout="gaps")
    yield f"{device}: empty", each(emptied)
    yield f"{device}: NaN", each(lambda: [mapped(poisoned(np.nan), s) for s in samples_of(op)[:1]])
    yield f"{device}: determinism", twice


def check_op(op: Any, *, reference: Callable | None = None, device: str | None = None) -> list[Check]:
    """Runs the generic tests of an operator: its samples; derivatives, first and second, against differences; the
    in-place form, ``out=`` and the method against the function; other strides, small and empty shapes, NaN and
    infinities, all dtypes, half precision against float64, the same bits twice; and a device, real or simulated,
    against the CPU.

    What it is called with are the operator's samples: those of its kind, or of its slot ``samples(make)``
    (:mod:`tritorch.op` says how).

    Args:
        op: an operator: the class, its function, or its name.
        reference: what it means, as a function of the same arguments in eager tensors; values and gradients of the
            samples are held against it.
        device: "cuda" to run the device's part, None to run it where there is a device, "cpu" to leave it out.

    Returns:
        What was tested, a :class:`Check` each.

    Raises:
        AssertionError: where anything failed: all of it, one line each, from the first failure on.
        TypeError: for what is no operator.

    Example:
        >>> import numpy as np
        >>> import tritorch
        >>> class cubed_sum(tritorch.op.Elementwise):
        ...     '''(input + other) ** 3'''
        ...     def cpu(input, other):
        ...         return (input + other) ** 3
        ...     def d_input(grad, input, other):
        ...         return grad * 3 * (input + other) ** 2
        ...     def d_other(grad, input, other):
        ...         return grad * 3 * (input + other) ** 2
        >>> done = tritorch.testing.check_op(cubed_sum, reference=lambda a, b: (a + b) ** 3, device="cpu")
        >>> [check.passed for check in done if check.name == "gradgradcheck"]
        [True]
    """
    __tracebackhide__ = True
    found = list(examine(op, reference=reference, device=device))
    failed = [check for check in found if check.passed is False]
    if failed:
        lines = [f"  {check.name}: {check.detail}" for check in failed]
        raise AssertionError(f"operator {operator_of(op).path}:\n" + "\n".join(lines)) from failed[0].error
    return found
