"""All convolutions."""

from . import _conv, _conv_transpose, _lazy_conv
from ._conv import *  # noqa: F403
from ._conv import _ConvNd as _ConvNd
from ._conv_transpose import *  # noqa: F403
from ._conv_transpose import _ConvTransposeNd as _ConvTransposeNd
from ._lazy_conv import *  # noqa: F403

__all__ = _conv.__all__ + _conv_transpose.__all__ + _lazy_conv.__all__
