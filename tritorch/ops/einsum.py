"""Einstein's summation: a contraction written with letters."""

import string

from ._op import Op
from ._schema import Star

LETTERS = string.ascii_uppercase + string.ascii_lowercase


def _from_sublists(args):
    """The equation and operands of the form ``einsum(a, [0, 1], b, [1, 2], [0, 2])``."""
    operands, terms = list(args[: len(args) // 2 * 2 : 2]), list(args[1::2])
    out = args[-1] if len(args) % 2 else None

    def letters(term):
        return "".join("..." if x is Ellipsis else LETTERS[x] for x in term)

    equation = ",".join(letters(t) for t in terms)
    return equation + ("" if out is None else "->" + letters(out)), operands


def _check(equation, operands):
    if not operands:
        raise ValueError("einsum(): must provide at least one operand")
    inputs, _arrow, _ = equation.partition("->")
    for c in equation.replace("...", "").replace("->", ""):
        if not (c.isascii() and c.isalpha()) and c != ",":
            raise RuntimeError(f"einsum(): invalid subscript given at index {equation.index(c)} in the equation string, "
                               "subscripts must be in [a-zA-Z]")  # fmt: skip
    terms = inputs.split(",")
    if len(terms) > len(operands):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    if len(terms) < len(operands):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    return terms


def _labels(terms, operands):
    """Each operand's labels, with the dims of its ellipsis as negative numbers from the right."""
    labelled = []
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        head, dots, tail = term.partition("...")
        if "." in head + tail:
            raise RuntimeError(f"einsum(): found '.' for operand {i} that is not part of any ellipsis")
        spare = x.ndim - len(head) - len(tail)
        if spare < 0 or (spare and not dots):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(head) + len(tail)}) "
                f"{'is more than' if spare < 0 else 'does not match'} the number of dimensions ({x.ndim}) for operand {i}"
                + ("" if spare < 0 else " and no ellipsis was given")
            )
        labelled.append([*head, *range(-spare, 0), *tail])
    return labelled


def _output(equation, labelled):
    widest = max((sum(isinstance(c, int) for c in labels) for labels in labelled), default=0)
    if "->" in equation:
        head, dots, tail = equation.partition("->")[2].partition("...")
        out = [*head, *(range(-widest, 0) if dots else ()), *tail]
        seen = {c for labels in labelled for c in labels}
        for _i, c in enumerate(out):
            if out.count(c) > 1:
                raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
            if c not in seen and not isinstance(c, int):
                raise RuntimeError(
                    f"einsum(): output subscript {c} does not appear in the equation for any input operand"
                )
        return out
    flat = [c for labels in labelled for c in labels if not isinstance(c, int)]
    return [*range(-widest, 0), *sorted(c for c in set(flat) if flat.count(c) == 1)]


def _diagonals(x, labels):
    """Takes the diagonal of dims that share a label."""
    for c in set(labels):
        while labels.count(c) > 1:
            first = labels.index(c)
            second = labels.index(c, first + 1)
            if x.shape[first] != x.shape[second]:
                raise RuntimeError(
                    f"einsum(): subscript {c} is repeated for operand but the sizes don't match, {x.shape[second]} != "
                    f"{x.shape[first]}"
                )
            x = x.diagonal(0, first, second).movedim(-1, first)
            labels = [d for i, d in enumerate(labels) if i != second]
    return x, labels


def _sizes(operands, labelled):
    sizes = {}
    for x, labels in zip(operands, labelled, strict=True):
        for n, c in zip(x.shape, labels, strict=True):
            if sizes.get(c, 1) == 1:
                sizes[c] = n
            elif n not in (1, sizes[c]):
                raise RuntimeError(
                    f"einsum(): operands do not broadcast with remapped shapes [original->remapped]: size {n} of {c} does "
                    f"not broadcast with previously seen size {sizes[c]}"
                )
    return sizes


def _pair(a, la, b, lb, kept):
    """Contracts two operands over the labels that nothing else needs: one batched product."""
    both = [c for c in la if c in lb]
    for c in both:  # a label of size one in one operand alone is summed there, or broadcast
        n, m = a.shape[la.index(c)], b.shape[lb.index(c)]
        if n != m and c not in kept:
            if n == 1:
                b = b.sum(lb.index(c), True)
            else:
                a = a.sum(la.index(c), True)
    summed = [c for c in both if c not in kept]
    batch = [c for c in both if c in kept]
    alone_a = [c for c in la if c not in lb and c not in kept]
    alone_b = [c for c in lb if c not in la and c not in kept]
    if alone_a:
        a, la = a.sum([la.index(c) for c in alone_a]), [c for c in la if c not in alone_a]
    if alone_b:
        b, lb = b.sum([lb.index(c) for c in alone_b]), [c for c in lb if c not in alone_b]
    rest_a, rest_b = [c for c in la if c not in both], [c for c in lb if c not in both]
    left = a.permute(*[la.index(c) for c in (*batch, *rest_a, *summed)]) if la else a
    right = b.permute(*[lb.index(c) for c in (*batch, *summed, *rest_b)]) if lb else b
    nb, na, ns = len(batch), len(rest_a), len(summed)
    shape_a, shape_b = left.shape, right.shape
    rows = left.reshape(*shape_a[:nb], _count(shape_a[nb : nb + na]), _count(shape_a[nb + na :]))
    columns = right.reshape(*shape_b[:nb], _count(shape_b[nb : nb + ns]), _count(shape_b[nb + ns :]))
    out = rows @ columns
    return out.reshape(*out.shape[:nb], *shape_a[nb : nb + na], *shape_b[nb + ns :]), [*batch, *rest_a, *rest_b]


def _count(shape):
    total = 1
    for n in shape:
        total *= n
    return total


class einsum(Op, method=False, has_out=False):
    """Sums products of elements over letters: ``einsum("ij,jk->ik", a, b)`` is the matrix product.

    Letters may repeat (diagonals), "..." stands for dims that broadcast, and ``einsum(a, [0, 1], b, [1, 2], [0, 2])``
    takes lists of numbers instead. Contractions go from left to right.

    Example:
        >>> import tritorch
        >>> tritorch.einsum("ii", tritorch.eye(3))
        tensor(3.)
    """

    def eager(equation: object, operands: Star):
        if not isinstance(equation, str):
            equation, operands = _from_sublists((equation, *operands))
        elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = operands[0]
        equation = equation.replace(" ", "")
        terms = _check(equation, operands)
        labelled = _labels(terms, operands)
        out = _output(equation, labelled)
        pairs = [_diagonals(x, labels) for x, labels in zip(operands, labelled, strict=True)]
        operands, labelled = [p[0] for p in pairs], [p[1] for p in pairs]
        _sizes(operands, labelled)
        result, labels = operands[0], labelled[0]
        for i in range(1, len(operands)):
            kept = {*out, *(c for later in labelled[i + 1 :] for c in later)}
            result, labels = _pair(result, labels, operands[i], labelled[i], kept)
        extra = [k for k, c in enumerate(labels) if c not in out]
        if extra:
            result, labels = result.sum(extra), [c for c in labels if c in out]
        missing = [c for c in out if c not in labels]
        for c in missing:
            result, labels = result.unsqueeze(0), [c, *labels]
        return result.permute(*[labels.index(c) for c in out]) if out else result

    def samples(make):
        yield "ij,jk->ik", make(2, 3), make(3, 4)
        yield "b...i,b...i->b...", make(2, 3, 4), make(2, 1, 4)
        yield "ii", make(3, 3)
