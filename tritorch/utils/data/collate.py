"""From a list of samples to a batch."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ... import _api as tt

np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _map_entries(data: Mapping, entries: dict) -> Any:
    """A mapping like :attr:`data` with these entries; a dict if its class cannot be made that way."""
    try:
        if isinstance(data, MutableMapping):
            clone = copy.copy(data)
            clone.update(entries)
            return clone
        return type(data)(entries)  # type: ignore[call-arg]
    except TypeError:
        return entries


def _sequence_like(data: Sequence, items: list) -> Any:
    """A sequence like :attr:`data` with these items; a list if its class cannot be made that way."""
    try:
        if isinstance(data, MutableSequence):
            clone: Any = copy.copy(data)
            for i, item in enumerate(items):
                clone[i] = item
            return clone
        return type(data)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def default_convert(data: Any) -> Any:
    """Turns the NumPy arrays and numbers in a sample into tensors, and leaves the rest as it is.

    Loaders use it in place of :func:`default_collate` when there is no automatic batching (``batch_size=None``).

    Example:
        >>> import numpy as np
        >>> from tritorch.utils.data import default_convert
        >>> default_convert({"x": np.array([0, 1]), "name": "a"})
        {'x': tensor([0, 1]), 'name': 'a'}
    """
    if isinstance(data, tt.Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray | np.generic):
        if isinstance(data, np.str_ | np.bytes_) or np_str_obj_array_pattern.search(data.dtype.str):
            return data
        return tt.as_tensor(data)
    if isinstance(data, Mapping):
        return _map_entries(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        items = [default_convert(item) for item in data]
        return type(data)(*items) if hasattr(data, "_fields") else items  # a plain tuple becomes a list, as in torch
    if isinstance(data, Sequence):
        return _sequence_like(data, [default_convert(item) for item in data])
    return data


def collate(batch: Sequence, *, collate_fn_map: dict | None = None) -> Any:
    """Puts the samples of a batch together by the types of their elements.

    Args:
        batch: the samples, all of one structure.
        collate_fn_map: from a type, or a tuple of types, to ``function(batch, *, collate_fn_map)``. The exact type of
            an element is looked up first, then the first key that it is an instance of; dicts, named tuples, tuples
            and lists are collated element by element.

    Raises:
        RuntimeError: if lists have different lengths.
        TypeError: for elements that nothing is known about.
    """
    elem = batch[0]
    kind = type(elem)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        for known, function in collate_fn_map.items():
            if isinstance(elem, known):
                return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(elem, Mapping):
        columns = {key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map) for key in elem}
        return _map_entries(elem, columns)
    if isinstance(elem, tuple) and hasattr(elem, "_fields"):
        return kind(*(collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch, strict=False)))
    if isinstance(elem, Sequence):
        if any(len(sample) != len(elem) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        items = [collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch, strict=True)]
        return items if isinstance(elem, tuple) else _sequence_like(elem, items)
    raise TypeError(default_collate_err_msg_format.format(kind))


def collate_tensor_fn(batch: Sequence, *, collate_fn_map: dict | None = None) -> Any:
    """Stacks tensors."""
    return tt.stack(list(batch), 0)


def collate_numpy_array_fn(batch: Sequence, *, collate_fn_map: dict | None = None) -> Any:
    """Stacks arrays as tensors. Raises TypeError for strings and objects."""
    if np_str_obj_array_pattern.search(batch[0].dtype.str):
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([tt.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Sequence, *, collate_fn_map: dict | None = None) -> Any:
    """A tensor of NumPy's numbers, with their type."""
    return tt.as_tensor(np.asarray(batch))


def collate_float_fn(batch: Sequence, *, collate_fn_map: dict | None = None) -> Any:
    """A float64 tensor: a Python float has that precision."""
    return tt.tensor(batch, dtype=tt.float64)


def collate_int_fn(batch: Sequence, *, collate_fn_map: dict | None = None) -> Any:
    """An int64 tensor (bool for bools)."""
    return tt.tensor(batch)


def collate_str_fn(batch: Sequence, *, collate_fn_map: dict | None = None) -> Any:
    """Strings and bytes stay a list."""
    return batch


default_collate_fn_map: dict[Any, Callable] = {
    tt.Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Sequence) -> Any:
    """Puts the samples of a batch together: what a loader does unless it is given a ``collate_fn``.

    Tensors, NumPy arrays and numbers become tensors with one more dimension, first; strings and bytes stay lists;
    dicts, named tuples, tuples and lists of these are collated element by element. Add to
    ``default_collate_fn_map`` to teach it another type.

    Raises:
        RuntimeError: if shapes or lengths differ.
        TypeError: for elements that nothing is known about.

    Example:
        >>> from tritorch.utils.data import default_collate
        >>> default_collate([{"x": 0, "y": "a"}, {"x": 1, "y": "b"}])
        {'x': tensor([0, 1]), 'y': ['a', 'b']}
        >>> default_collate([(0, [1.0]), (2, [3.0])])
        [tensor([0, 2]), [tensor([1., 3.], dtype=tritorch.float64)]]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
