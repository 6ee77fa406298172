"""What registering a hook returns: a handle that removes it again."""

import weakref
from collections import OrderedDict
from typing import Any

from .. import _C

__all__ = ["RemovableHandle"]


class RemovableHandle:
    """Removes one hook from the dictionary that holds it, by ``remove()`` or at the end of a ``with`` block.

    Args:
        hooks_dict: the dictionary of hooks, weakly held; the hook stands there under ``handle.id``.
        extra_dict: a dictionary, or a list of them, whose entry of the same id goes with it.
    """

    next_id = 0

    def __init__(self, hooks_dict: dict, *, extra_dict: Any = None) -> None:
        extras = extra_dict if isinstance(extra_dict, list) else [] if extra_dict is None else [extra_dict]
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extras)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def remove(self) -> None:
        """Removes the hook; again, or after its owner has gone, does nothing."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self) -> tuple:
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state: tuple) -> None:
        hooks_dict, self.id, extras = state
        # a handle whose dictionary has gone is unpickled as a handle of nothing
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks_dict is None else hooks_dict)
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extras)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


_C.set_removable_handle(RemovableHandle)
