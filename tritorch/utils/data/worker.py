"""What runs in a worker process of a loader, and what it knows about itself."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from ...multiprocessing.transport import Channel
from ...random import manual_seed
from ...runtime.blocks import set_num_threads


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What :func:`get_worker_info` returns.

    Attributes:
        id: the worker's number, from 0.
        num_workers: how many there are.
        seed: the seed of this worker's generators: the loader's base seed plus :attr:`id`.
        dataset: the copy of the dataset in this process.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Which worker process of a loader this is; None in the main process.

    Example:
        >>> import tritorch
        >>> tritorch.utils.data.get_worker_info() is None
        True
    """
    return _info


class _ReadableText(str):
    """A text that is its own repr: the message of a KeyError is shown through repr, which hides its lines."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """The exception being handled, with its traceback as text, to be raised in another process.

    Args:
        where: how the message goes on after "Caught ValueError", such as "in DataLoader worker process 0".
    """

    def __init__(self, where: str = "in background"):
        kind, error, trace = sys.exc_info()
        self.exc_type: Any = kind
        self.exc_msg = "".join(traceback.format_exception(kind, error, trace))
        self.where = where

    def reraise(self) -> None:
        """Raises an exception of the same type, whose message is torch's: where it was caught, and the traceback."""
        text = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        try:
            if self.exc_type is KeyError:
                error = KeyError(_ReadableText(text))
            elif issubclass(self.exc_type, StopIteration):  # would end the loop without a word
                error = RuntimeError(text)
            elif getattr(self.exc_type, "message", None):
                error = self.exc_type(message=text)
            else:
                error = self.exc_type(text)
        except Exception:  # it takes other arguments than a message
            error = RuntimeError(text)
        raise error from None


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """A worker's answer in place of a batch when its share of an iterable dataset is used up."""


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """All that a worker process is given at its start."""

    worker_id: int
    num_workers: int
    base_seed: int
    dataset: Any
    make_fetcher: Callable[[Any], Any]
    init_fn: Callable[[int], object] | None


def _seed_everything(base_seed: int, worker_id: int) -> int:
    seed = base_seed + worker_id
    random.seed(seed)
    manual_seed(seed)
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))  # noqa: NPY002 - the one that users call
    return seed


def _end_with_parent() -> None:
    """Ends this process when its parent is gone, even if it is in the middle of a long batch."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="tritorch-watchdog").start()


def _answer(fetcher: Any, index: Any, where: str) -> Any:
    try:
        return fetcher.fetch(index)
    except StopIteration:
        return StreamEnded() if fetcher.is_stream else ExceptionWrapper(where)
    except Exception:
        return ExceptionWrapper(where)


def worker_main(connection: Connection, task: WorkerTask) -> None:
    """Answers each task with a batch, under the tag ``(epoch, number)`` it came with, until the channel is closed.

    A new epoch starts the dataset's iteration afresh. What cannot be fetched or sent is answered with an
    :class:`ExceptionWrapper`.
    """
    global _info
    channel = Channel(connection)
    _end_with_parent()
    where = f"in DataLoader worker process {task.worker_id}"
    try:
        set_num_threads(1)
        seed = _seed_everything(task.base_seed, task.worker_id)
        _info = WorkerInfo(task.worker_id, task.num_workers, seed, task.dataset)
        current, fetcher, failed = None, None, None
        try:
            if task.init_fn is not None:
                task.init_fn(task.worker_id)
        except Exception:
            failed = ExceptionWrapper(where)
        while True:
            (epoch, number), index = channel.recv()
            if failed is None and epoch != current:
                current = epoch
                try:
                    fetcher = task.make_fetcher(_info.dataset)
                except Exception:
                    failed = ExceptionWrapper(where)
            data = failed if failed is not None else _answer(fetcher, index(), where)
            _send(channel, (epoch, number), data, where)
            del data
    except (EOFError, ConnectionError, KeyboardInterrupt):
        return  # the loader is done with this worker, is gone, or handles the interrupt itself


def _send(channel: Channel, tag: tuple[int, int], data: Any, where: str) -> None:
    try:
        channel.send(tag, data)
    except ConnectionError:
        raise
    except Exception:
        failure = ExceptionWrapper(where)
        if isinstance(data, ExceptionWrapper):  # its type cannot be pickled: it goes as its text
            failure.exc_type, failure.exc_msg = RuntimeError, data.exc_msg
        channel.send(tag, failure)
