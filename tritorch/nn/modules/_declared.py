"""Modules whose arguments are declared once, as annotated fields, in the manner of dataclasses.

From the fields come the constructor, with the arguments in their order and their defaults, and the attributes of the
same names. A field made by :func:`buffer` is registered as a buffer; one made by :func:`legacy` is not kept, but handed
to ``__post_init__`` by name. ``__post_init__``, if there is one, runs last and checks or completes the attributes.
"""

import inspect
from typing import Any, dataclass_transform

from .module import Module

_REQUIRED = object()


class _Field:
    """How a declared argument is kept: as an attribute, as a buffer, or only until ``__post_init__``."""

    def __init__(self, role: str, default: Any) -> None:
        self.role, self.default = role, default


def buffer(*, default: Any = None) -> Any:
    """A field whose value, a tensor or None, is registered as a buffer."""
    return _Field("buffer", default)


def legacy(*, default: Any = None) -> Any:
    """A field that ``__post_init__`` is handed instead of its being kept."""
    return _Field("legacy", default)


def shown(self: Module) -> str:
    """What the template that a module was declared with says of it."""
    return getattr(self, "_shows", "").format_map(self.__dict__)


@dataclass_transform(field_specifiers=(buffer, legacy))
def declared(shows: str = "", kw_only: bool = False):
    """Gives a module class its constructor from its annotated fields, and its ``extra_repr`` from a template.

    Args:
        shows (str): what to print between the brackets, such as ``"p={p}, inplace={inplace}"``. Default: what the
            base class prints.
        kw_only (bool): whether the arguments are given by name only.
    """

    def decorate(cls: type[Module]) -> type[Module]:
        names = [name for name in inspect.get_annotations(cls) if not name.startswith("_")]
        fields = {name: _field(cls, name) for name in names}
        cls.__init__ = _constructor(cls, fields, kw_only)
        if shows:
            cls._shows = shows
        if cls.extra_repr is Module.extra_repr:
            cls.extra_repr = shown
        return cls

    return decorate


def _field(cls: type, name: str) -> _Field:
    """The field of a name. Its default leaves the class: there it would hide a buffer of that name."""
    default = cls.__dict__.get(name, _REQUIRED)
    if default is not _REQUIRED:
        delattr(cls, name)
    return default if isinstance(default, _Field) else _Field("attribute", default)


def _constructor(cls: type, fields: dict[str, _Field], kw_only: bool):
    """Writes ``__init__`` out as source and compiles it, so that its signature is the one that was declared."""
    arguments = [name if field.default is _REQUIRED else f"{name}=_default_{name}" for name, field in fields.items()]
    lines = ["_Module.__init__(self)"]
    for name, field in fields.items():
        if field.role == "attribute":
            lines.append(f"self.{name} = {name}")
        elif field.role == "buffer":
            lines.append(f"self.register_buffer({name!r}, {name})")
    if hasattr(cls, "__post_init__"):
        handed = ", ".join(f"{name}={name}" for name, field in fields.items() if field.role == "legacy")
        lines.append(f"self.__post_init__({handed})")
    star = ["*"] if kw_only and arguments else []
    source = f"def __init__({', '.join(['self', *star, *arguments])}):\n  " + "\n  ".join(lines)
    scope = {f"_default_{name}": field.default for name, field in fields.items()} | {"_Module": Module}
    exec(source, scope)
    init = scope["__init__"]
    init.__annotations__ = {**{name: cls.__annotations__[name] for name in fields}, "return": None}
    init.__qualname__, init.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    return init
