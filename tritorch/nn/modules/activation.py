"""All activations, and attention."""

from . import _attention, _rectifiers, _smooth
from ._attention import *  # noqa: F403
from ._rectifiers import *  # noqa: F403
from ._smooth import *  # noqa: F403

__all__ = _rectifiers.__all__ + _smooth.__all__ + _attention.__all__
