"""A line search for a step that satisfies the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5 and 3.6)."""

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Point", "strong_wolfe"]


class Point(NamedTuple):
    """A step t along the direction d, with the value there, the gradient, and the slope along d."""

    t: float
    value: float
    gradient: Any
    slope: float


def _cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points with slopes is least, within bounds; their middle if it has no minimum."""
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if square < 0:
        return (low + high) / 2.0
    d2 = square**0.5
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)), low), high)


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    size: float,
    max_evaluations: int,
    tolerance_change: float = 1e-9,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> tuple[Point, int]:
    """Searches along a direction of descent.

    Args:
        evaluate: the point at a step.
        start: the point at step 0.
        t: the first step to try.
        size: the largest element of the direction, in absolute value.
        max_evaluations: when to give up and take the best so far.
        tolerance_change: the smallest change of a parameter worth a step.
        c1, c2: of the Wolfe conditions: enough descent, and a slope flat enough.

    Returns:
        The point found, and the number of evaluations.
    """

    def descends(point: Point) -> bool:
        return not point.value > start.value + c1 * point.t * start.slope

    def is_flat(point: Point) -> bool:
        return abs(point.slope) <= -c2 * start.slope

    # go forward until two points have a minimum between them
    previous, point, evaluations, iteration = start, evaluate(t), 1, 0
    while True:
        if iteration >= max_evaluations:
            bracket = [start, point]
            break
        if descends(point) and not (iteration > 1 and point.value >= previous.value):
            if is_flat(point):
                return point, evaluations
            if point.slope < 0:
                bounds = (point.t + 0.01 * (point.t - previous.t), point.t * 10)
                t = _cubic_minimum(previous, point, bounds)
                previous, point = point, evaluate(t)
                evaluations, iteration = evaluations + 1, iteration + 1
                continue
        bracket = [previous, point]
        break

    # then close in on it; bracket is kept as [lower, higher]
    bracket.sort(key=lambda p: p.value)
    stuck = False
    while iteration < max_evaluations:
        low, high = min(p.t for p in bracket), max(p.t for p in bracket)
        if (high - low) * size < tolerance_change:
            break
        t = _cubic_minimum(bracket[0], bracket[1])
        margin = 0.1 * (high - low)
        if min(high - t, t - low) < margin:
            if stuck or t >= high or t <= low:  # twice near an end: step away from it
                t = high - margin if abs(t - high) < abs(t - low) else low + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = evaluate(t)
        evaluations, iteration = evaluations + 1, iteration + 1
        if not descends(point) or point.value >= bracket[0].value:
            bracket[1] = point
            bracket.sort(key=lambda p: p.value)
        else:
            if is_flat(point):
                return point, evaluations
            if point.slope * (bracket[1].t - bracket[0].t) >= 0:
                bracket[1] = bracket[0]
            bracket[0] = point
    return bracket[0], evaluations
