"""Trading compute for memory: a part of a model that keeps its inputs only, and is computed again for backward.

Non-reentrant form (``use_reentrant=False``). Forward runs as ever and records its graph, but saved-tensor hooks
put a :class:`_Holder` wherever a tensor would be saved. The first holder that backward opens runs the function
again, under hooks that drop the n-th tensor it saves into the n-th holder; with early stop, that ends once the
last holder is filled. What is recomputed belongs to one run of backward (the graph task's id) and is handed out
once, so that memory is freed as backward proceeds and each of two backwards recomputes for itself. The inputs are
themselves saved tensors, so that an enclosing checkpoint holds them too, and checkpoints nest.

Reentrant form (``use_reentrant=True``). One node in the graph, whose backward computes the function again with
recording on and runs a backward of its own.
"""

import contextlib
import itertools
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import _C, amp, random
from .. import _api as tt
from ..autograd import Function, backward, enable_grad
from ..autograd.graph import saved_tensors_hooks
from ..runtime.generator import restore, snapshot

__all__ = [
    "CheckpointError",
    "checkpoint",
    "checkpoint_sequential",
    "noop_context_fn",
    "set_checkpoint_early_stop",
]


class CheckpointError(RuntimeError):
    """Raised when the function does not do the same again."""


def noop_context_fn() -> tuple:
    """The default ``context_fn``: nothing around forward, nothing around recomputation."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Calls ``function(*args, **kwargs)`` without keeping what it saves for backward; that is computed again there.

    Args:
        function: must do the same each time it is called with the same arguments.
        args: its arguments; the tensors among them are kept.
        use_reentrant: False is recommended. True runs a backward inside backward: it allows neither
            ``autograd.grad`` nor ``backward(inputs=...)``, sees only the tensors among :attr:`args` and needs one of
            them to require grad. The default is True, with a warning.
        context_fn: makes two context managers, for forward and for recomputation. Non-reentrant only.
        determinism_check: "default" compares shapes, dtypes and devices of what is recomputed, "none" nothing.
        debug: errors also list what was saved, forward and again. Non-reentrant only.
        early_stop: stop recomputing once everything needed is there. Non-reentrant only.
        preserve_rng_state (keyword): draw the same random numbers when recomputing. True by default.
        kwargs: further arguments of :attr:`function`. Non-reentrant only.

    Raises:
        CheckpointError: in backward, when recomputation does not save the same tensors.

    >>> import tritorch
    >>> from tritorch.utils.checkpoint import checkpoint
    >>> x = tritorch.ones(2, requires_grad=True)
    >>> checkpoint(lambda x: (x * 2).exp(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([14.7781, 14.7781])
    """
    if use_reentrant is None:
        warnings.warn(
            "tritorch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can "
            "pass use_reentrant=True. Refer to docs for more details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    surroundings = _Surroundings(kwargs.pop("preserve_rng_state", True))
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return _Reentrant.apply(function, surroundings, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    forward_context, recompute_context = context_fn()

    def recompute(*inputs: Any) -> None:
        with surroundings.restored(), recompute_context:
            function(*inputs, **kwargs)

    if not tt.is_grad_enabled():
        with forward_context:
            return function(*args, **kwargs)
    early_stop = early_stop if _early_stop is None else _early_stop
    frame = _Frame(recompute, args, early_stop, determinism_check == "default", debug)
    with _holding(frame), forward_context:
        result = function(*args, **kwargs)
    frame.forward_completed = True
    return result


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Calls a sequence of functions one after the other, in :attr:`segments` checkpointed parts; the last is not.

    Args:
        functions: a ``nn.Sequential`` or a list of callables of one argument.
        segments: the number of parts.
        input: of the first function.
        use_reentrant, preserve_rng_state: as for :func:`checkpoint`.

    >>> import tritorch
    >>> from tritorch.utils.checkpoint import checkpoint_sequential
    >>> x = tritorch.ones(1, requires_grad=True)
    >>> checkpoint_sequential([tritorch.exp, tritorch.sin, tritorch.cos], 2, x, use_reentrant=False)
    tensor([0.9168], grad_fn=<CosBackward0>)
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments
    starts = range(0, size * (segments - 1), size) if size else range(0)
    for start in starts:
        run = _Chain(functions[start : start + size])
        input = checkpoint(run, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _Chain(functions[len(starts) * size :])(input)


class _Chain:
    def __init__(self, functions: Sequence[Callable]) -> None:
        self.functions = functions

    def __call__(self, x: Any) -> Any:
        for function in self.functions:
            x = function(x)
        return x


_early_stop: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Overrides ``early_stop`` of the checkpoints made inside a ``with`` block."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


class _Surroundings:
    """What the function's result depends on besides its arguments: random numbers and autocast."""

    def __init__(self, preserve_rng_state: bool) -> None:
        self.rng_state = snapshot() if preserve_rng_state else None
        self.autocast = [
            {"device_type": kind, "enabled": amp.is_autocast_enabled(kind), "dtype": amp.get_autocast_dtype(kind)}
            for kind in ("cpu", "cuda")
        ]

    @contextlib.contextmanager
    def restored(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if self.rng_state is not None:
                stack.enter_context(random.fork_rng())
                restore(self.rng_state)
            for arguments in self.autocast:
                stack.enter_context(amp.autocast(**arguments))
            yield


# ---- non-reentrant


class _Slot:
    """The key under which a recomputed tensor lies, weakly: it is freed with the holder that it is for."""

    __slots__ = ("__weakref__",)


class _Holder:
    """Lies in the graph in place of a saved tensor."""

    __slots__ = ("__weakref__", "slots")

    def __init__(self) -> None:
        self.slots: dict[int, _Slot | None] = {}  # run of backward -> its slot; None: already handed out


class _Keep(Function):
    """Saves tensors: through the graph, so that versions are checked and an enclosing checkpoint holds them."""

    @staticmethod
    def forward(ctx: Any, anchor: Any, *tensors: Any) -> Any:
        ctx.save_for_backward(*tensors)
        return anchor.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("checkpoint: the node that keeps the inputs is no part of any graph")


class _Stop(Exception):
    """Ends a recomputation early."""


def _metadata(x: Any) -> dict:
    return {"shape": x.shape, "dtype": x.dtype, "device": x.device}


_outside_backward = itertools.count(-2, -1)  # stands for the graph task of an unpacking outside any backward


class _Frame:
    """One checkpointed call."""

    def __init__(self, recompute: Callable, args: tuple, early_stop: bool, check: bool, debug: bool) -> None:
        self.recompute = recompute
        self.early_stop = early_stop
        self.check = check
        self.debug = debug
        self.forward_completed = False
        self.ignore_mismatch = False
        self.tensor_positions = [i for i, x in enumerate(args) if isinstance(x, tt.Tensor)]
        self.arguments = [None if isinstance(x, tt.Tensor) else x for x in args]
        anchor = tt.empty((), requires_grad=True)
        self.kept = _Keep.apply(anchor, *[args[i] for i in self.tensor_positions]).grad_fn
        self.holders: list[weakref.ref] = []
        self.metadata: list[dict] = []
        self.recomputed: dict[int, weakref.WeakKeyDictionary] = {}
        self.counts: dict[int, int] = {}

    def inputs(self) -> list:
        inputs = list(self.arguments)
        for position, tensor in zip(self.tensor_positions, self.kept.saved_tensors, strict=True):
            inputs[position] = tensor
        return inputs

    def pack(self, x: Any) -> _Holder:
        holder = _Holder()
        self.holders.append(weakref.ref(holder))
        self.metadata.append(_metadata(x))
        return holder

    def unpack(self, holder: _Holder) -> Any:
        task = _C.current_graph_task_id()
        if task == -1:
            task = next(_outside_backward)
        if task not in self.recomputed:
            self.recomputed[task] = weakref.WeakKeyDictionary()
            self.counts[task] = 0
            inputs = self.inputs()
            with contextlib.suppress(_Stop), _refilling(self, task), enable_grad():
                self.recompute(*inputs)
            self.check_recomputed(task)
        slot = holder.slots[task]
        if slot is None:
            raise CheckpointError(
                "tritorch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. "
                "If you are calling ctx.saved_tensors in backward, make sure to do so only once."
            )
        holder.slots[task] = None
        return self.recomputed[task].pop(slot)

    def refill(self, task: int, x: Any) -> Any:
        """Takes the next tensor that recomputation saves."""
        x = x.detach() if x.requires_grad else x
        index = self.counts[task]
        self.counts[task] += 1
        if index >= len(self.holders):
            if self.forward_completed:
                raise CheckpointError(
                    "tritorch.utils.checkpoint: trying to save more tensors during recomputation than during the "
                    f"original forward pass.{self.log(task)}"
                )
            # backward inside the checkpointed function, whose forward is still going on: the rest is not needed yet
            self.ignore_mismatch = True
            return x
        holder = self.holders[index]()
        if holder is not None:  # else a backward inside forward has used it up already
            holder.slots[task] = slot = _Slot()
            self.recomputed[task][slot] = x
        if self.early_stop and index + 1 == len(self.holders):
            raise _Stop
        return x

    def check_recomputed(self, task: int) -> None:
        if self.ignore_mismatch:
            return
        if self.counts[task] != len(self.holders):
            raise CheckpointError(
                "tritorch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.holders)}\n"
                f"Number of tensors saved during recomputation: {self.counts[task]}.{self.log(task)}"
            )
        different = "".join(
            f"tensor at position {index}:\nsaved metadata: {before}\nrecomputed metadata: {now}\n"
            for index, (before, now) in enumerate(zip(self.metadata, self.metadata_again(task), strict=True))
            if now is not None and before != now
        )
        if different and self.check:
            raise CheckpointError(
                "tritorch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                f"during the forward pass.\n{different}.{self.log(task)}"
            )

    def metadata_again(self, task: int) -> list[dict | None]:
        """What was recomputed, where its holder is still alive."""
        found: list[dict | None] = []
        for ref in self.holders:
            holder = ref()
            slot = holder.slots.get(task) if holder is not None else None
            found.append(None if slot is None else _metadata(self.recomputed[task][slot]))
        return found

    def log(self, task: int) -> str:
        if not self.debug:
            return "\nTip: To see what was saved, forward and again, pass `debug=True` to checkpoint(...)."
        lines = [f"{i}: {m}" for i, m in enumerate(self.metadata)]
        again = [f"{i}: {m}" for i, m in enumerate(self.metadata_again(task))]
        return "\nSaved in forward:\n" + "\n".join(lines) + "\nRecomputed:\n" + "\n".join(again)


def _holding(frame: _Frame) -> saved_tensors_hooks:
    return saved_tensors_hooks(frame.pack, frame.unpack)


def _refilling(frame: _Frame, task: int) -> saved_tensors_hooks:
    return saved_tensors_hooks(lambda x: frame.refill(task, x), lambda x: x)


# ---- reentrant


class _Reentrant(Function):
    """Forward without a graph; backward makes the graph and runs it."""

    @staticmethod
    def forward(ctx: Any, function: Callable, surroundings: _Surroundings, *args: Any) -> Any:
        tensors = [x for x in args if isinstance(x, tt.Tensor)]
        if not any(x.requires_grad for x in tensors):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=4)
        ctx.function, ctx.surroundings = function, surroundings
        ctx.arguments = [None if isinstance(x, tt.Tensor) else x for x in args]
        ctx.tensor_positions = [i for i, x in enumerate(args) if isinstance(x, tt.Tensor)]
        ctx.save_for_backward(*tensors)
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        if not _C.is_checkpoint_valid():
            raise RuntimeError(
                "When use_reentrant=True, tritorch.utils.checkpoint is incompatible with .grad() or passing an "
                "`inputs` parameter to .backward(). To resolve this error, you can either set use_reentrant=False, "
                "or call .backward() without passing the `inputs` argument."
            )
        inputs = list(ctx.arguments)
        for position, tensor in zip(ctx.tensor_positions, ctx.saved_tensors, strict=True):
            inputs[position] = tensor.detach().requires_grad_(tensor.requires_grad)
        with ctx.surroundings.restored(), enable_grad():
            outputs = ctx.function(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        roots = [(o, g) for o, g in zip(outputs, grads, strict=True) if isinstance(o, tt.Tensor) and o.requires_grad]
        if not roots:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in roots], [g for _, g in roots])
        return None, None, *[x.grad if isinstance(x, tt.Tensor) else None for x in inputs]
