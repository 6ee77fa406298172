"""torch.jit's decorators for programs that use them: everything stays eager Python, which is what they mean."""

__all__ = ["export", "ignore", "is_scripting", "is_tracing", "script", "trace", "unused"]


def script(obj, *args, **kwargs):
    """``obj`` itself: tritorch runs it eagerly.

    Example:
        >>> import tritorch
        >>> tritorch.jit.script(abs) is abs
        True
    """
    return obj


def trace(func, example_inputs=None, **kwargs):
    """``func`` itself: tritorch runs it eagerly."""
    return func


def ignore(fn=None, **kwargs):
    """Marks nothing: every function is Python."""
    return fn if fn is not None else lambda function: function


unused = export = ignore


def is_scripting():
    """False: code is always Python."""
    return False


def is_tracing():
    """False: calls are always eager."""
    return False
