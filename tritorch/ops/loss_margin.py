"""Losses of margins: of classes, pairs and triplets."""

from ..dtypes import int64
from ._losses import check_reduction, legacy, reduced
from ._op import Op, ops
from ._schema import Number


class margin_ranking_loss(Op, home="nn.functional", method=False, has_out=False):
    """``max(0, -target * (input1 - input2) + margin)``: the first should be larger where the target is 1."""

    def eager(
        input1, input2, target, margin: Number = 0, size_average: object = None, reduce: object = None,
        reduction: str = "mean",
    ):  # fmt: skip
        reduction = legacy(size_average, reduce, reduction)
        if not input1.ndim == input2.ndim == target.ndim:
            raise RuntimeError(
                "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
                f"{input1.shape}, input2: {input2.shape}, target: {target.shape} "
            )
        return reduced((margin - target * (input1 - input2)).clamp(min=0), reduction)

    def samples(make):
        yield make(3, 4), make(3, 4), make.plain([[1, -1, 1, 1]])
        yield make(4), make(4), make.plain([1, -1, 1, 1]), 0.5, {"reduction": "none"}


class hinge_embedding_loss(Op, home="nn.functional", method=False, has_out=False):
    """``input`` where the target is 1, ``max(0, margin - input)`` where it is -1."""

    def eager(
        input, target, margin: Number = 1.0, size_average: object = None, reduce: object = None,
        reduction: str = "mean",
    ):  # fmt: skip
        reduction = legacy(size_average, reduce, reduction)
        apart = ops.where(target == 1, 0.0, (margin - input).clamp(min=0))
        return reduced(apart + ops.where(target == -1, 0.0, input), reduction)

    def samples(make):
        yield make(3, 4), make.plain([1, -1, 1, -1])


class cosine_embedding_loss(Op, home="nn.functional", method=False, has_out=False):
    """``1 - cos`` of two vectors where the target is 1, ``max(0, cos - margin)`` where it is -1."""

    def eager(
        input1, input2, target, margin: Number = 0, size_average: object = None, reduce: object = None,
        reduction: str = "mean",
    ):  # fmt: skip
        reduction = legacy(size_average, reduce, reduction)
        sizes = f"{list(input1.shape)} and {list(input2.shape)}"
        if target.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if target.ndim == 1 and not input1.ndim == input2.ndim == 2:
            raise RuntimeError(f"1D target tensor expects 2D input tensors, but found inputs with sizes {sizes}.")
        if target.ndim == 0 and not input1.ndim == input2.ndim == 1:
            raise RuntimeError(f"0D target tensor expects 1D input tensors, but found inputs with sizes {sizes}.")
        last = target.ndim
        tiny = 1e-12  # torch's, for vectors of length zero
        product = (input1 * input2).sum(last)
        lengths = ((input1.square().sum(last) + tiny) * (input2.square().sum(last) + tiny)).sqrt()
        cosine = product / lengths
        loss = ops.where(target == 1, 1 - cosine, 0.0) + ops.where(target == -1, (cosine - margin).clamp(min=0), 0.0)
        return reduced(loss, reduction)

    def samples(make):
        yield make(3, 4), make(3, 4), make.plain([1, -1, 1])
        yield make(4), make(4), make.plain(-1), 0.1


def _rows(input):
    """A vector or a number as a table of one row."""
    return input.reshape(1, -1) if input.ndim < 2 else input


def _positive(x):
    """What is above zero; nothing of NaN."""
    return ops.where(x > 0, x, 0.0)


class multi_margin_loss(Op, home="nn.functional", method=False, has_out=False):
    """The mean over the wrong classes of ``max(0, margin - x[target] + x[class]) ** p``, times the target's weight."""

    def eager(
        input, target, p: int = 1, margin: Number = 1.0, weight=None, size_average: object = None,
        reduce: object = None, reduction: str = "mean",
    ):  # fmt: skip
        reduction = legacy(size_average, reduce, reduction)
        check_reduction(reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.ndim != 1:
            raise ValueError("weight must be one-dimensional")
        _check_classes(input, target)
        rows, places = _rows(input), target.reshape(-1, 1)
        classes = rows.shape[1]
        if weight is not None and weight.shape[0] != classes:
            raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
        if target.numel() and bool(((target < 0) | (target >= classes)).any()):
            raise RuntimeError("target out of range")
        terms = _positive(margin - rows.gather(1, places) + rows)
        if p == 2:
            terms = terms.square()
        if weight is not None:
            terms = terms * weight[places]
        wrong = ops.ones_like(rows).scatter(1, places, 0.0)
        loss = (terms * wrong).sum(1) / classes
        return reduced(loss.reshape(target.shape) if input.ndim < 2 else loss, reduction)

    def samples(make):
        yield make(3, 4), make.indices(3, below=4)
        yield make(3, 4), make.indices(3, below=4), 2, 0.5, make(4, low=0.5)


def _check_classes(input, target):
    count = input.shape[0] if input.ndim == 2 else 1
    if input.ndim > 2 or (input.ndim and not input.shape[-1]):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: " + str(list(input.shape))
        )
    if target.ndim > 1 or target.numel() != count:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
            f"Expected target size [{count}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )


class multilabel_margin_loss(Op, home="nn.functional", method=False, has_out=False):
    """The mean over classes of ``max(0, 1 - (x[target] - x[class]))``, for each target before the first -1 and each class
    that is no target."""

    def eager(input, target, size_average: object = None, reduce: object = None, reduction: str = "mean"):
        reduction = legacy(size_average, reduce, reduction)
        check_reduction(reduction)
        if input.ndim > 2 or (input.ndim and not input.shape[-1]):
            raise RuntimeError(
                f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
            )
        if target.shape != input.shape and not (input.ndim < 2 and target.numel() == input.numel()):
            raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
        rows, places = _rows(input), _rows(target)
        classes = rows.shape[1]
        if places.numel() and (int(places.max()) >= classes or int(places.min()) < -1):
            raise RuntimeError("argument #2 'target' is out of range")
        listed = (places == -1).cumsum(1) == 0  # before the first -1
        safe = places.masked_fill(listed.logical_not(), 0)
        is_target = ops.zeros_like(rows).scatter_add(1, safe, listed.to(rows.dtype)) > 0
        terms = _positive(1 - rows.gather(1, safe).unsqueeze(2) + rows.unsqueeze(1))  # (rows, targets, classes)
        terms = terms * (listed.unsqueeze(2) & is_target.logical_not().unsqueeze(1))
        loss = terms.sum((1, 2)) / classes
        return reduced(loss if input.ndim == 2 else loss.reshape(()), reduction)

    def samples(make):
        yield make(2, 4), make.plain([[1, 3, -1, 0], [0, -1, 1, 2]], int64)
        yield make(3), make.plain([2, -1, 0], int64)


class multilabel_soft_margin_loss(Op, home="nn.functional", method=False, has_out=False):
    """The mean over classes of the binary cross entropy of logits."""

    def eager(input, target, weight=None, size_average: object = None, reduce: object = None, reduction: str = "mean"):
        reduction = legacy(size_average, reduce, reduction)
        loss = -(target * ops.logsigmoid(input) + (1 - target) * ops.logsigmoid(-input))
        return reduced((loss if weight is None else loss * weight).mean(-1), reduction)

    def samples(make):
        yield make(3, 4), make.plain([[1, 0, 1, 0]] * 3)


def _check_triplet(anchor, positive, negative, margin):
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )


def _triplet(distance, anchor, positive, negative, margin, swap, reduction):
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduced((margin + near - far).clamp(min=0), reduction)


class triplet_margin_loss(Op, home="nn.functional", method=False, has_out=False):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with the ``p``-norm distance. With ``swap`` the
    negative counts from whichever of the other two is nearer to it (Balntas et al., 2016)."""

    def eager(
        anchor, positive, negative, margin: Number = 1.0, p: Number = 2, eps: Number = 1e-6, swap: bool = False,
        size_average: object = None, reduce: object = None, reduction: str = "mean",
    ):  # fmt: skip
        reduction = legacy(size_average, reduce, reduction)
        _check_triplet(anchor, positive, negative, margin)

        def distance(a, b):
            return ops.pairwise_distance(a, b, p, eps)

        return _triplet(distance, anchor, positive, negative, margin, swap, reduction)


class triplet_margin_with_distance_loss(Op, home="nn.functional", method=False, has_out=False):
    """:func:`triplet_margin_loss` with a distance of the caller's (default: Euclidean)."""

    def eager(
        anchor, positive, negative, *, distance_function: object = None, margin: Number = 1.0, swap: bool = False,
        reduction: str = "mean",
    ):  # fmt: skip
        _check_triplet(anchor, positive, negative, margin)
        distance = distance_function or ops.pairwise_distance
        return _triplet(distance, anchor, positive, negative, margin, swap, reduction)
