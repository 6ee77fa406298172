"""tritorch: torch's eager API without torch."""

from . import autograd
from ._api import *
