"""The cubin store: compiled kernels on disk, so that a warm process needs neither Triton nor a compiler.

Note [The cubin store]: one file a kernel, named by its key. A file is written aside and renamed, so that readers see
it whole or not at all, whoever else writes it or dies writing it; a checksum over key, metadata and image finds what
the disk has damaged since, and such an entry counts as missing: it is built again and replaced. A folder that cannot
be written is read only; kernels are then compiled in every process, with one warning.
"""

import contextlib
import json
import os
import struct
import threading
import time
import warnings
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = ["Cubin", "Store", "folder"]

_MAGIC = b"tritorch cubin 1\n"
_HEAD = struct.Struct("<32s")  # checksum of the key and of all that follows
_SIZE = struct.Struct("<Q")  # bytes of metadata, before the metadata and the image
_STALE = 3600  # seconds after which a file written aside has been left there by a process that died


@dataclass(frozen=True)
class Cubin:
    """A compiled kernel.

    Attributes:
        name: the symbol of its entry point.
        image: the cubin itself.
        arch: the compute capability that it is for, 80 or 90.
        parameters: Triton's types of what is passed at launch, in order; the two pointers to scratch memory (zero
            where the kernel needs none) that follow them are not listed.
        positions: for each parameter its place among the arguments of the kernel's function.
        num_warps, num_ctas, shared: warps and clusters of a program; bytes of its dynamic shared memory.
        cooperative, dependent: whether the launch asks for a cooperative grid, for programmatic dependence.
        global_scratch, profile_scratch: (bytes, alignment) of scratch memory for each program.
        registers, stack, spills: what a thread uses: 32-bit registers, bytes of stack, bytes of local memory.
        triton: the version that compiled it.
        written: the places, among the parameters, of the pointers that it writes (all of them where its IR does not
            tell, Note [Written arguments]).
    """

    name: str
    image: bytes
    arch: int
    parameters: tuple[str, ...]
    positions: tuple[int, ...]
    num_warps: int
    num_ctas: int
    shared: int
    cooperative: bool
    dependent: bool
    global_scratch: tuple[int, int]
    profile_scratch: tuple[int, int]
    registers: int
    stack: int
    spills: int
    triton: str
    written: tuple[int, ...] = ()


_NAMES = {f.name for f in fields(Cubin)}
_TUPLES = {f.name for f in fields(Cubin) if str(f.type).startswith("tuple")}


def folder() -> Path:
    """Where tritorch keeps what it has made: ``TRITORCH_CACHE``, or ``tritorch`` in the user's cache folder."""
    named = os.environ.get("TRITORCH_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "tritorch"


def pack(key: str, cubin: Cubin) -> bytes:
    """The bytes of an entry."""
    facts = asdict(cubin)
    image = facts.pop("image")
    metadata = json.dumps(facts).encode()
    body = _SIZE.pack(len(metadata)) + metadata + image
    return _MAGIC + _HEAD.pack(sha256(key.encode() + body).digest()) + body


def unpack(key: str, entry: bytes) -> Cubin | None:
    """The kernel that :func:`pack` made ``entry`` of under this key, or None where they are anything else."""
    start = len(_MAGIC) + _HEAD.size
    if len(entry) < start or not entry.startswith(_MAGIC):
        return None
    (checksum,) = _HEAD.unpack_from(entry, len(_MAGIC))
    body = entry[start:]
    if sha256(key.encode() + body).digest() != checksum:
        return None
    (size,) = _SIZE.unpack_from(body)
    facts = json.loads(body[_SIZE.size : _SIZE.size + size])
    if {"image", *facts} != _NAMES:
        return None  # another version of tritorch has stored other things
    values: dict[str, Any] = {name: tuple(v) if name in _TUPLES else v for name, v in facts.items()}
    return Cubin(image=body[_SIZE.size + size :], **values)


class Store:
    """Kernels by key in a folder, shared by any number of processes and threads. See Note [The cubin store]."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._warned = False
        self._lock = threading.Lock()

    def path(self, key: str) -> Path:
        """The file of an entry."""
        return self.root / key[:2] / f"{key}.cubin"

    def get(self, key: str) -> Cubin | None:
        """The kernel under ``key``; None where there is none that is whole."""
        try:
            entry = self.path(key).read_bytes()
        except OSError:
            return None
        return unpack(key, entry)

    def put(self, key: str, cubin: Cubin) -> bool:
        """Stores a kernel; False where the folder cannot be written (warned of once)."""
        path = self.path(key)
        aside = path.with_name(f".{key}.{os.getpid()}.{threading.get_ident()}.aside")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                aside.write_bytes(pack(key, cubin))
                os.replace(aside, path)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
        except OSError as e:
            self._warn(e)
            return False
        self._sweep(path.parent)
        return True

    def _warn(self, error: OSError) -> None:
        with self._lock:
            first, self._warned = not self._warned, True
        if first:
            warnings.warn(
                f"compiled kernels cannot be kept in {self.root} ({error.strerror or error}): every process compiles "
                "its own. TRITORCH_CACHE names another folder.",
                RuntimeWarning,
                stacklevel=2,
            )

    def _sweep(self, shelf: Path) -> None:
        """Takes away what processes that died have left in a folder."""
        limit = time.time() - _STALE
        for left in shelf.glob(".*.aside"):
            with contextlib.suppress(OSError):  # another process may be faster
                if left.stat().st_mtime < limit:
                    left.unlink()
