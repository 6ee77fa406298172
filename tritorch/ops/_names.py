"""Python's operators and the methods that implement them; names that torch takes from NumPy and from Python 2."""

__all__ = ["LEGACY", "NUMPY_NAMES", "OPERATORS"]

OPERATORS = {  # Python's operator -> its method, reflected, in-place
    "+": ("__add__", "__radd__", "__iadd__"),
    "-": ("__sub__", "__rsub__", "__isub__"),
    "*": ("__mul__", "__rmul__", "__imul__"),
    "/": ("__truediv__", "__rtruediv__", "__itruediv__"),
    "//": ("__floordiv__", "__rfloordiv__", "__ifloordiv__"),
    "%": ("__mod__", "__rmod__", "__imod__"),
    "**": ("__pow__", "__rpow__", "__ipow__"),
    "@": ("__matmul__", "__rmatmul__", "__imatmul__"),
    "&": ("__and__", "__rand__", "__iand__"),
    "|": ("__or__", "__ror__", "__ior__"),
    "^": ("__xor__", "__rxor__", "__ixor__"),
    "<<": ("__lshift__", "__rlshift__", "__ilshift__"),
    ">>": ("__rshift__", "__rrshift__", "__irshift__"),
    "==": ("__eq__", None, None),
    "!=": ("__ne__", None, None),
    "<": ("__lt__", None, None),
    "<=": ("__le__", None, None),
    ">": ("__gt__", None, None),
    ">=": ("__ge__", None, None),
    "unary -": ("__neg__", None, None),
    "unary +": ("__pos__", None, None),
    "unary ~": ("__invert__", None, None),
    "abs": ("__abs__", None, None),
    "[]": ("__getitem__", None, None),
    "[]=": ("__setitem__", None, None),
}
LEGACY = {"__div__": "__truediv__", "__rdiv__": "__rtruediv__", "__idiv__": "__itruediv__"}  # Python 2's, as in torch
NUMPY_NAMES = {"dim": "axis", "keepdim": "keepdims"}  # torch takes NumPy's names for these two
