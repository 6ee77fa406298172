"""``save`` and ``load``: tensors, state dicts and plain containers in files that never run code.

``save`` writes safetensors files (`container.py` describes them); ``load`` reads those, the safetensors files of
other programs, and what torch's ``save`` wrote.
"""

from __future__ import annotations

from typing import Any

from . import container, torch_files
from .errors import LoadError
from .files import Source, is_path, open_source, write
from .locations import Placer
from .safe_globals import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .tree import Decoder, Encoder

__all__ = [
    "LoadError",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

DEFAULT_PROTOCOL = 2  # of pickle, in torch's signature


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Writes an object to a file, which is replaced whole: if writing fails or is killed, the old file stays.

    Args:
        obj: tensors, parameters, NumPy arrays and numbers; None, bools, numbers, strings, bytes; dtypes, devices,
            sizes, ranges, slices, paths; and dicts, OrderedDicts, defaultdicts, Counters, lists, tuples, sets and
            namespaces of these. Tensors that share memory share it again when they are loaded, and keep their
            strides; what is stored is the memory they cover, so a slice does not take its whole base along.
        f: a path, or an object with ``write``.
        pickle_module, pickle_protocol, _use_new_zipfile_serialization: accepted and without effect: nothing is pickled.

    The file is in the safetensors format, with checksums: a state dict can be read with any program that reads it.

    Raises:
        TypeError: for objects of other classes, with the place where they stand.
        ValueError: for an object that contains itself, or a very large one of plain Python numbers.
        RuntimeError: if the folder does not exist.
        OSError: if the file cannot be written, such as on a full disk.

    Example:
        >>> import tritorch, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tritorch.save({"w": tritorch.ones(2), "step": 3}, folder + "/a.pt")
        ...     tritorch.load(folder + "/a.pt")
        {'w': tensor([1., 1.]), 'step': 3}
    """
    encoder = Encoder()
    try:
        tree = encoder.encode(obj)
    except RecursionError:
        raise ValueError("save: the object is nested too deeply") from None
    arrays = encoder.finish()
    write(f, lambda file: container.write(file, arrays, tree))


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Reads what :func:`save` wrote, a safetensors file of another program (as a dict), or a file of torch's ``save``.

    Nothing in a file is ever run, and no more memory is taken than the file's size and 100 MB.

    Args:
        f: a path, or an object with ``read``; it is read from where it stands.
        map_location: where tensors go: None for the device that they were saved from, a device or its name for all,
            a dict from names to names, or a callable that gets a flat tensor and the name of its device and returns
            the tensor to use (None: as without).
        pickle_module, pickle_load_args: accepted and without effect.
        weights_only: True and None are what always happens. With False a file that names classes is still refused:
            trust them with :func:`~tritorch.serialization.add_safe_globals`.
        mmap: map the file into memory in place of reading it; :attr:`f` must be a path. Writing to the tensors does not
            change the file. The data are not compared with their checksums, since that would read them.

    Raises:
        LoadError: (a ValueError) if the file is truncated, corrupted, hostile or of another kind.
        OSError: if it cannot be opened.
    """
    if mmap and not is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    placer = Placer(map_location)
    with open_source(f) as source:
        start = source.read(0, min(8, source.size))
        if int.from_bytes(start, "little") > source.size:  # no length of a header
            if start[:4] == b"PK\x03\x04":
                return torch_files.read(source, placer, bool(mmap))
            if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
                raise source.error(
                    "this is a pickle, perhaps in the format that torch used before 1.6. It is not loaded, since it "
                    "can run any program. Load it with torch where you trust it, and save it again"
                )
        return _load_container(source, placer, bool(mmap))


def _load_container(source: Source, placer: Placer, mmap: bool) -> Any:
    header = container.read_header(source)
    arrays = container.read_arrays(source, header, mmap)
    decoder = Decoder(arrays, placer)
    try:
        if header.sums is None:  # another program's
            return {name: decoder.tensor(name) for name in arrays}
        return decoder.decode(header.tree)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        raise source.error(f"the file is corrupted: no object can be made of it ({error!r})") from error
