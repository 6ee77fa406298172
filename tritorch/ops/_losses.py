"""What all losses share: the reduction of their terms, torch's old pair of flags, warnings about shapes."""

import warnings

REDUCTIONS = ("none", "mean", "sum")


def reduced(loss, reduction):
    """``loss`` itself, its mean or its sum.

    Raises:
        ValueError: ``<reduction> is not a valid value for reduction``.
    """
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    check_reduction(reduction)
    return loss


def check_reduction(reduction):
    """Raises torch's ValueError for an unknown reduction."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")


def legacy(size_average, reduce, reduction):
    """torch's old pair of flags as a reduction, with its warning."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        reduction = "none"
    else:
        reduction = "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=4
    )
    return reduction


def warn_of_broadcast(input, target):
    """torch's warning about a target that broadcasts against the input."""
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely "
            "lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=4,
        )


def weighted(loss, weight):
    """``loss`` times ``weight``, if there is one."""
    return loss if weight is None else loss * weight
