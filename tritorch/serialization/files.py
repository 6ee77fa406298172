"""Reading from and writing to whatever a caller means by a file.

Note [Saving whole]: a file is written beside its target, flushed to the disk, and renamed over it. A process that is
killed at any point, a full disk, an exception: either the old file is there or the new one, whole. What can be left is
the unfinished neighbour (``.name.<random>.part``) of a killed process.
"""

from __future__ import annotations

import io
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import numpy as np

from .errors import LoadError

CHUNK = 1 << 24  # bytes read at a time from a file object that cannot read into memory


def is_path(f: Any) -> bool:
    return isinstance(f, str | os.PathLike)


def write(f: Any, fill: Callable[[BinaryIO], None]) -> None:
    """Lets :attr:`fill` write to :attr:`f`: a path, which is replaced whole, or an object with ``write``.

    Raises:
        RuntimeError: if the folder of a path does not exist (torch's text).
        AttributeError: if an object has no ``write``.
        OSError: as the system gives it; a path then holds what it held before.
    """
    if not is_path(f):
        if not callable(getattr(f, "write", None)):
            raise AttributeError(
                "expected 'f' to be string, path, or a file-like object with a 'write' attribute, "
                f"but got {type(f).__name__}"
            )
        fill(f)
        return
    target = os.path.realpath(os.fspath(f))  # a link stays a link
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    if os.path.exists(target) and not os.path.isfile(target):  # a device or a pipe is not replaced
        with open(target, "wb") as file:
            fill(file)
        return
    beside = os.path.join(folder, f".{name[:200]}.{os.urandom(6).hex()}.part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb") as file:
            if os.path.exists(target):
                os.fchmod(file.fileno(), os.stat(target).st_mode & 0o7777)
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Makes the new name last; some file systems cannot, and then it lasts when they get to it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Source:
    """A file to load from, read at offsets.

    Attributes:
        file: it. name: what messages call it. start: where it begins in :attr:`file`. size: its bytes.
    """

    def __init__(self, file: Any, name: str):
        self.file, self.name = file, name
        self.start = file.tell()
        self.size = file.seek(0, os.SEEK_END) - self.start

    def error(self, message: str) -> LoadError:
        return LoadError(f"{self.name}: {message}")

    def read(self, offset: int, length: int) -> bytes:
        """Exactly so many bytes.

        Raises:
            LoadError: if the file ends before.
        """
        self._check(offset, length)
        self.file.seek(self.start + offset)
        data = self.file.read(length)
        if len(data) != length:
            raise self._truncated(offset + length)
        return data

    def read_into(self, offset: int, array: np.ndarray) -> None:
        """Fills a contiguous array with bytes of the file. Raises as :meth:`read` does."""
        raw = array.reshape(-1).view(np.uint8).data
        self._check(offset, raw.nbytes)
        self.file.seek(self.start + offset)
        read_into, done = getattr(self.file, "readinto", None), 0
        while done < raw.nbytes:
            if read_into is not None:
                got = read_into(raw[done:])
            else:
                piece = self.file.read(min(CHUNK, raw.nbytes - done))
                got = len(piece)
                raw[done : done + got] = piece
            if not got:
                raise self._truncated(offset + raw.nbytes)
            done += got

    def map(self) -> np.ndarray:
        """The whole file as bytes in memory that is private: writing to it never reaches the file."""
        mapped = mmap.mmap(self.file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        return np.frombuffer(mapped, np.uint8)

    def _check(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise self._truncated(offset + length)

    def _truncated(self, needed: int) -> LoadError:
        return self.error(f"the file is truncated or corrupted: it has {self.size} bytes, and {needed} are spoken of")


@contextmanager
def open_source(f: Any) -> Iterator[Source]:
    """Opens a path, or takes an object with ``read`` from where it stands.

    Raises:
        AttributeError: if an object has no ``read`` (torch's text).
        OSError: as the system gives it.
    """
    if is_path(f):
        with open(f, "rb") as file:
            yield Source(file, os.fspath(f))
        return
    if not callable(getattr(f, "read", None)):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'read' attribute, "
            f"but got {type(f).__name__}"
        )
    try:
        f.seek(f.tell())
    except (AttributeError, OSError):  # a stream: it is read to its end
        f = io.BytesIO(f.read())
    yield Source(f, str(getattr(f, "name", "<file object>")))
