"""One pass over a dataset: in this process, or with worker processes.

Note [Workers]: each worker has a channel of its own, a socket that carries its tasks one way and its batches the
other (`multiprocessing/transport.py`). There are no queues, locks or feeder threads that a killed process could leave
half-way. A worker ends when its channel is closed or its parent is gone; the parent sees a dead worker at once by
its end of the channel, or by its sentinel, and raises. A pass has a number, which tasks and batches carry, so that
what is left over from a pass that was broken off is recognised and dropped.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
import warnings
import weakref
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from ... import cuda
from ...multiprocessing.spawn import signal_name
from ...multiprocessing.transport import Channel
from .fetch import DatasetKind
from .pinning import pin_memory
from .sampler import draw_seed
from .worker import ExceptionWrapper, StreamEnded, WorkerTask, worker_main

if TYPE_CHECKING:
    from .dataloader import DataLoader

STATUS_CHECK_INTERVAL = 1.0  # seconds between looks at the workers' health, should a sentinel not tell
SHUTDOWN_PATIENCE = 5.0  # seconds that workers get to end by themselves


class _Unreadable(NamedTuple):
    """A batch that arrived and could not be unpickled."""

    error: Exception


class BaseIterator:
    """What all passes share: the indices, the base seed, the count."""

    def __init__(self, loader: DataLoader):
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._make_fetcher = DatasetKind.fetcher_maker(
            loader._dataset_kind, loader._auto_collation, loader.collate_fn, loader.drop_last
        )
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._pin_memory = loader.pin_memory and cuda.is_available()
        if loader.pin_memory and not self._pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, "
                "then device pinned memory won't be used.",
                stacklevel=4,
            )
        self._base_seed = draw_seed(loader.generator)
        self._begin(loader)

    def _begin(self, loader: DataLoader) -> None:
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._promised = loader._IterableDataset_len_called

    def __iter__(self) -> BaseIterator:
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        if self._promised is not None and self._num_yielded > self._promised:
            advice = (
                "For multiprocessing data-loading, this could be caused by not properly configuring the "
                "IterableDataset replica at each worker."
            )
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {self._promised}"
                f"(when accessing len(dataloader)), but {self._num_yielded} samples have been fetched. "
                + (advice if self._num_workers else ""),
                stacklevel=2,
            )
        return pin_memory(data) if self._pin_memory else data

    def __getstate__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class SingleProcessIterator(BaseIterator):
    """A pass that loads each batch when it is asked for."""

    def __init__(self, loader: DataLoader):
        super().__init__(loader)
        self._fetcher = self._make_fetcher(self._dataset)

    def _next_data(self) -> Any:
        return self._fetcher.fetch(next(self._sampler_iter))


class _Worker:
    """A worker process as its loader sees it.

    Attributes:
        process, channel: what it is, and how to talk to it.
        active: whether it still has batches to give in this pass.
        tasks: how many it was given and has not answered.
    """

    def __init__(self, context: Any, task: WorkerTask):
        here, there = context.Pipe(duplex=True)
        self.channel = Channel(here)
        self.process = context.Process(target=worker_main, args=(there, task), daemon=True)
        self.active, self.tasks = True, 0
        try:
            with warnings.catch_warnings():  # BLAS has threads; the worker does not touch what they were doing
                warnings.filterwarnings("ignore", r".*multi-threaded, use of fork\(\)", DeprecationWarning)
                self.process.start()
        except BaseException:
            self.channel.close()
            raise
        finally:
            there.close()


def _end_workers(workers: list[_Worker], owner: int) -> None:
    """Lets workers end by themselves, then makes them. In a process forked from their owner they are not ours."""
    if os.getpid() != owner:
        return
    for worker in workers:
        worker.channel.close()
    deadline = time.monotonic() + SHUTDOWN_PATIENCE
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
    for force in ("terminate", "kill"):
        left = [worker for worker in workers if worker.process.is_alive()]
        for worker in left:
            getattr(worker.process, force)()
        for worker in left:
            worker.process.join(1.0)
    workers.clear()


class WorkersIterator(BaseIterator):
    """A pass whose batches are loaded ahead by worker processes; see Note [Workers]."""

    def __init__(self, loader: DataLoader):
        self._workers: list[_Worker] = []
        self._epoch = 0
        self._timeout = loader.timeout
        self._in_order = loader.in_order
        self._persistent = loader.persistent_workers
        self._max_tasks = (loader.prefetch_factor or 0) * loader.num_workers
        self._end = weakref.finalize(self, _end_workers, self._workers, os.getpid())
        self._end.atexit = False  # at exit, multiprocessing ends its daemons by itself
        super().__init__(loader)
        context = loader.multiprocessing_context or multiprocessing
        try:
            for worker_id in range(loader.num_workers):
                task = WorkerTask(
                    worker_id, loader.num_workers, self._base_seed, self._dataset, self._make_fetcher,
                    loader.worker_init_fn,
                )  # fmt: skip
                self._workers.append(_Worker(context, task))
        except BaseException:
            self._end()
            raise
        self._prefetch()

    @property
    def closed(self) -> bool:
        """Whether the workers are gone."""
        return not self._workers

    def start_pass(self, loader: DataLoader) -> None:
        """Begins another pass with the same workers."""
        self._begin(loader)
        self._prefetch()

    def _begin(self, loader: DataLoader) -> None:
        super()._begin(loader)
        self._epoch += 1
        self._sent = 0  # number of the next task
        self._due = 0  # number of the batch to be returned next
        self._owner: dict[int, _Worker] = {}  # who works on a task that has not been answered
        self._ready: dict[int, Any] = {}  # batches that came before their turn
        self._turns = itertools.cycle(self._workers)
        for worker in self._workers:
            worker.active, worker.tasks = True, 0

    def _prefetch(self) -> None:
        self._turns = itertools.cycle(self._workers)
        for _ in range(self._max_tasks):
            self._send_task()

    def _send_task(self) -> None:
        worker = self._next_worker()
        if worker is None:
            return
        try:
            index = next(self._sampler_iter)
        except StopIteration:
            return
        self._owner[self._sent] = worker
        worker.tasks += 1
        self._sent += 1
        try:
            worker.channel.send((self._epoch, self._sent - 1), index, while_full=lambda: self._receive(worker))
        except (OSError, EOFError):
            self._raise_gone(worker)

    def _next_worker(self) -> _Worker | None:
        """Whose turn it is; out of order, workers with a full share of the work are passed over."""
        active = sum(worker.active for worker in self._workers)
        for worker in itertools.islice(self._turns, len(self._workers)):
            if worker.active and (self._in_order or worker.tasks < self._max_tasks // active):
                return worker
        return None

    def _receive(self, worker: _Worker) -> None:
        """Takes one answer of a worker, and keeps it if it is of this pass."""
        (epoch, number), open_message = worker.channel.recv()
        if epoch != self._epoch:
            return
        worker.tasks -= 1
        try:
            data = open_message()
        except Exception as error:
            data = _Unreadable(error)
        if isinstance(data, StreamEnded):
            worker.active = False
            for task in [task for task, owner in self._owner.items() if owner is worker]:
                del self._owner[task]  # it will say so to all that it was given
            if not self._persistent:
                worker.channel.close()
            self._send_task()
        elif number in self._owner:
            del self._owner[number]
            self._ready[number] = data

    def _next_data(self) -> Any:
        while True:
            while self._in_order and self._due < self._sent and not self._is_pending(self._due):
                self._due += 1  # a task of a worker whose stream ended
            if self._ready and (not self._in_order or self._due in self._ready):
                number = self._due if self._in_order else next(iter(self._ready))
                self._due += self._in_order
                return self._hand_out(self._ready.pop(number))
            if not self._owner:
                if not self._persistent:
                    self._end()
                raise StopIteration
            self._wait()

    def _is_pending(self, number: int) -> bool:
        return number in self._owner or number in self._ready

    def _hand_out(self, data: Any) -> Any:
        self._send_task()
        if isinstance(data, ExceptionWrapper):
            data.reraise()
        if isinstance(data, _Unreadable):
            raise data.error
        return data

    def _wait(self) -> None:
        """Waits for answers, and receives those that there are.

        Raises:
            RuntimeError: a worker is dead, or ``timeout`` seconds have passed.
        """
        busy = set(self._owner.values())
        deadline = time.monotonic() + self._timeout if self._timeout > 0 else None
        while True:
            patience = STATUS_CHECK_INTERVAL
            if deadline is not None:
                patience = min(patience, max(0.0, deadline - time.monotonic()))
            by_handle: dict[Any, _Worker] = {worker.channel: worker for worker in busy}
            sentinels = [worker.process.sentinel for worker in busy]
            answered = [by_handle[h] for h in connection.wait([*by_handle, *sentinels], patience) if h in by_handle]
            for worker in answered:
                try:
                    self._receive(worker)
                except (EOFError, OSError):
                    self._raise_gone(worker)
            if answered:
                return
            dead = [worker for worker in busy if not worker.process.is_alive()]
            if dead:
                self._raise_dead(dead)
            if deadline is not None and time.monotonic() >= deadline:
                raise RuntimeError(f"DataLoader timed out after {self._timeout:g} seconds")

    def _raise_gone(self, worker: _Worker) -> NoReturn:
        """A worker closed its channel: it is about to end, and is made to if it takes long."""
        worker.process.join(1.0)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        self._raise_dead([worker])

    def _raise_dead(self, workers: list[_Worker]) -> NoReturn:
        pids = ", ".join(str(worker.process.pid) for worker in workers)
        causes = ", ".join(sorted({_cause(worker.process.exitcode) for worker in workers}))
        self._end()
        self._owner.clear()
        self._ready.clear()
        self._sampler_iter = iter(())
        raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly ({causes})") from None


def _cause(exit_code: int) -> str:
    if exit_code < 0:
        return f"killed by signal {signal_name(exit_code)}"
    return f"exit code {exit_code}"
