"""The loops that kinds of operators run on a GPU, around the formulas in their ``cuda`` slots."""

import numpy as np

from ..runtime.jit import Kernel
from ..runtime.reduce import reduce
from ._device import refuse_host
from ._op import FLOAT32, is_half

__all__ = ["reduction_loop"]


def reduction_loop(cls):
    """Of ``(input, dim, keepdim, ...)``; None where the slot is no formula."""
    combine, lift = cls.cuda, cls.lift
    if not isinstance(combine, Kernel):
        return None
    names = [a.name for a in cls.args]
    wanted = names.index("dtype") if "dtype" in names else None
    optional = {key: slot for key, slot in (("map", cls.cuda_map), ("finish", cls.cuda_finish)) if slot is not None}

    def loop(input, dim, keepdim, *rest):
        refuse_host((input,))
        dtype = rest[wanted - 3] if wanted is not None else None
        store = input.dtype if dtype is None else dtype.np
        if dtype is None and lift and store.kind in "biu":
            store = np.dtype(np.int64)
        compute = FLOAT32 if is_half(store) else store
        result = np.dtype(bool) if cls.truth else store
        return reduce(
            cls.short, input, dim, keepdim, [result], combine, [cls.identity], [compute], compute, **optional
        )[0]

    return loop
