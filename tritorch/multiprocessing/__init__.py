"""The standard library's ``multiprocessing``, with tensors that share their memory between processes.

``import tritorch.multiprocessing as mp`` in place of ``import multiprocessing as mp`` is all it takes: a CPU tensor
that goes through a queue, a pipe, or the arguments of a process arrives as a window on the same memory.
"""

import multiprocessing as _multiprocessing
from multiprocessing import *

from .reductions import init_reductions, reduce_tensor
from .sharing import get_all_sharing_strategies, get_sharing_strategy, set_sharing_strategy
from .spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    spawn,
    start_processes,
)

init_reductions()

__all__ = list(_multiprocessing.__all__)
__all__ += [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
