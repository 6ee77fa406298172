"""Hooks that can be taken away again."""

import weakref

from ...autograd import RemovableHandle


def add_hook(hooks, hook, *, prepend=False, flags=()) -> RemovableHandle:
    """Puts ``hook`` into ``hooks``, last or first, and its id into each dict of ``flags``, (dict, whether to)."""
    handle = RemovableHandle(hooks, extra_dict=[marked for marked, _ in flags])
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    for marked, is_set in flags:
        if is_set:
            marked[handle.id] = True
    return handle


class BoundHook:
    """A hook that is handed its module first, held weakly, so that a module and its hook make no circle.

    Args:
        hook (callable): called with the module, if there is one, and the other arguments.
        module (Module, optional): the module.
    """

    def __init__(self, hook, module=None) -> None:
        self.hook = hook
        self.with_module = module is not None
        self.module = weakref.ref(module) if self.with_module else None

    def __call__(self, *args, **kwargs):
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict:
        return {"hook": self.hook, "module": self.module() if self.with_module else None}

    def __setstate__(self, state) -> None:
        self.__init__(state["hook"], state["module"])
