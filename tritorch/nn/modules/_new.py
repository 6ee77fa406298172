"""How layers make their parameters, and draw their biases."""

import math

from ... import _api as tt
from ...tensor import Tensor
from .. import init
from ..parameter import Parameter


def new_parameter(shape, present: bool = True, *, device=None, dtype=None) -> Parameter | None:
    """A parameter whose values are not set; None where a layer goes without."""
    return Parameter(tt.empty(shape, device=device, dtype=dtype)) if present else None


def draw_bias(bias: Tensor | None, weight: Tensor) -> None:
    """Draws a bias, if there is one, uniformly between plus and minus 1 / sqrt(fan-in of the weight)."""
    if bias is not None:
        fan_in, _ = init._calculate_fan_in_and_fan_out(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        init.uniform_(bias, -bound, bound)
