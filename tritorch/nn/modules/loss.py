"""All losses."""

from . import (
    _classification_losses,
    _embedding_losses,
    _linear_cross_entropy,
    _regression_losses,
    linear_cross_entropy_options,
)
from ._classification_losses import *  # noqa: F403
from ._embedding_losses import *  # noqa: F403
from ._linear_cross_entropy import *  # noqa: F403
from ._loss_base import _Loss as _Loss
from ._loss_base import _WeightedLoss as _WeightedLoss
from ._regression_losses import *  # noqa: F403
from .linear_cross_entropy_options import *  # noqa: F403

__all__ = _regression_losses.__all__ + _classification_losses.__all__ + _embedding_losses.__all__
__all__ += _linear_cross_entropy.__all__ + linear_cross_entropy_options.__all__
