"""Trees of values: dicts, lists and tuples within each other; everything else is a leaf."""

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["leaves", "mapped", "rebuilt", "same_shape", "spread"]


def mapped(function: Callable, tree: Any) -> Any:
    """The tree with :attr:`function` of each leaf in the leaf's place.

    >>> from tritorch.func._tree import mapped
    >>> mapped(str, {"a": (1, [2])})
    {'a': ('1', ['2'])}
    """
    if isinstance(tree, dict):
        return _like(tree, [mapped(function, branch) for branch in tree.values()])
    if isinstance(tree, (list, tuple)):
        return _like(tree, [mapped(function, branch) for branch in tree])
    return function(tree)


def leaves(tree: Any) -> list:
    """
    >>> from tritorch.func._tree import leaves
    >>> leaves({"a": (1, [2])})
    [1, 2]
    """
    found: list = []
    mapped(found.append, tree)
    return found


def rebuilt(tree: Any, values: Iterable) -> Any:
    """A tree of the same structure, its leaves taken from :attr:`values` in order.

    >>> from tritorch.func._tree import rebuilt
    >>> rebuilt({"a": (1, [2])}, "xy")
    {'a': ('x', ['y'])}
    """
    following = iter(values)
    return mapped(lambda _: next(following), tree)


def same_shape(a: Any, b: Any) -> bool:
    """Whether two trees have the same structure."""
    blank = [mapped(lambda _: None, tree) for tree in (a, b)]
    return type(a) is type(b) and blank[0] == blank[1]


def spread(prefix: Any, tree: Any) -> list | None:
    """The leaves of :attr:`prefix`, each as often as there are leaves where it stands in :attr:`tree`.

    >>> from tritorch.func._tree import spread
    >>> spread((0, None), ([5, 6], 7))
    [0, 0, None]
    """
    if not isinstance(prefix, (dict, list, tuple)):
        return [prefix] * len(leaves(tree))
    if type(prefix) is not type(tree) or len(prefix) != len(tree):
        return None
    if isinstance(prefix, dict):
        if prefix.keys() != tree.keys():
            return None
        pairs: Iterable = [(prefix[key], tree[key]) for key in tree]
    else:
        pairs = zip(prefix, tree, strict=True)
    branches = [spread(p, branch) for p, branch in pairs]
    return None if None in branches else [leaf for branch in branches for leaf in branch or ()]


def _like(tree: Any, branches: list) -> Any:
    if isinstance(tree, dict):
        return dict(zip(tree, branches, strict=True))
    return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)
