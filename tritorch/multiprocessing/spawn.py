"""Starting a group of processes that run the same function, and learning how they ended."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

_PR_SET_PDEATHSIG = 1


class ProcessException(Exception):
    """One process of a group failed.

    Attributes:
        msg: the message. error_index: which process. error_pid: its process id.
    """

    def __init__(self, msg: str, error_index: int, error_pid: int):
        super().__init__(msg, error_index, error_pid)
        self.msg, self.error_index, self.error_pid = msg, error_index, error_pid

    def __str__(self) -> str:
        return self.msg


class ProcessRaisedException(ProcessException):
    """The function raised; the message holds the traceback of the process."""


class ProcessExitedException(ProcessException):
    """The process was killed by a signal, or exited with a code of its own.

    Attributes:
        exit_code: minus the signal, or the code. signal_name: ``"SIGKILL"``, or None.
    """

    def __init__(self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None):
        super().__init__(msg, error_index, error_pid)
        self.args = (msg, error_index, error_pid, exit_code, signal_name)
        self.exit_code, self.signal_name = exit_code, signal_name


def signal_name(exit_code: int) -> str:
    """The name of the signal behind a negative exit code: ``"SIGKILL"`` for -9."""
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"<Unknown signal {-exit_code}>"


def _run(fn: Callable[..., object], index: int, args: tuple, errors: connection.Connection) -> None:
    if sys.platform == "linux":  # a child that is no daemon must not outlive a parent that was killed
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        sys.exit(0)  # it is the parent's to report
    except Exception:
        errors.send(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """A group of running processes, as ``spawn(..., join=False)`` returns it.

    Attributes:
        processes: the :class:`multiprocessing.Process` objects, by index.
        sentinels: what to wait on, for those that have not been joined.
    """

    def __init__(self, processes: list[Any], errors: list[connection.Connection]):
        self.processes = processes
        self.sentinels = {process.sentinel: index for index, process in enumerate(processes)}
        self._errors = errors

    def pids(self) -> list[int]:
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits until a process has ended; if it failed, ends the others and raises.

        Args:
            timeout: seconds to wait; None waits for as long as it takes.
            grace_period: when one failed, seconds that the others get to end by themselves, and again after SIGTERM
                (30 by default) before SIGKILL.

        Returns:
            True when all have ended well, False when there is still something to wait for.

        Raises:
            ProcessRaisedException: the function raised in one of them.
            ProcessExitedException: one was killed, or exited with a code.
        """
        for sentinel in connection.wait(list(self.sentinels), timeout):
            index = self.sentinels.pop(sentinel)  # type: ignore[call-overload]
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                self._end_all(grace_period)
                raise self._failure(index)
        return not self.sentinels

    def _end_all(self, grace_period: float | None) -> None:
        if grace_period is not None:
            self._join_all(grace_period)
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        self._join_all(30 if grace_period is None else grace_period)
        for process in self.processes:
            if process.is_alive():
                process.kill()
            process.join()

    def _join_all(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))

    def _failure(self, index: int) -> ProcessException:
        process, errors = self.processes[index], self._errors[index]
        try:
            text = f"\n\n-- Process {index} terminated with the following error:\n{errors.recv()}"
            return ProcessRaisedException(text, index, process.pid)
        except EOFError:
            code = process.exitcode
        if code < 0:
            name = signal_name(code)
            return ProcessExitedException(
                f"process {index} terminated with signal {name}", index, process.pid, code, name
            )
        return ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)


def start_processes(
    fn: Callable[..., object],
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Starts :attr:`nprocs` processes that call ``fn(index, *args)``, with the start method that is asked for.

    See :func:`spawn`, which this is with ``start_method="spawn"``.
    """
    context: Any = multiprocessing.get_context(start_method)
    processes, readers = [], []
    for index in range(nprocs):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, index, args, writer), daemon=daemon)
        process.start()
        writer.close()  # the child has its own: when that ends, the reader knows
        processes.append(process)
        readers.append(reader)
    group = ProcessContext(processes, readers)
    if not join:
        return group
    while not group.join():
        continue
    return None


def spawn(
    fn: Callable[..., object],
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Runs ``fn(index, *args)`` in :attr:`nprocs` fresh processes.

    If one of them fails, the others are ended and its error is raised here with the traceback it had there.

    Args:
        fn: a function at the top level of a module, since it is pickled; its first argument is the process's index.
        args: what it gets besides; tensors share their memory.
        nprocs: how many processes.
        join: wait for all of them; if False, a :class:`ProcessContext` is returned at once.
        daemon: whether the processes are ended when this one exits.
        start_method: kept for torch's signature; see :func:`start_processes` for others than ``"spawn"``.

    Raises:
        ProcessRaisedException: with :attr:`join`, if the function raised in a process.
        ProcessExitedException: with :attr:`join`, if a process was killed, or exited with a code that is not 0.
    """
    return start_processes(fn, args, nprocs, join, daemon, start_method)
