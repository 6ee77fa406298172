"""What autotuning chose: one readable file of configurations per kernel, key and device, which can be shipped.

Note [Choices]: ``@triton.autotune`` keeps what it chose in a dict of its process. Here that dict is a :class:`Choices`:
what is not in it is looked for in the file, and what is measured is written there, whole, aside and then renamed, under
a lock. An entry counts for the text of the kernel that it was measured with, unless it is pinned; nothing in the file
is ever executed. On the simulated device, which keeps no time, nothing is remembered unless ``TRITORCH_TUNED`` names a
file.
"""

import contextlib
import fcntl
import json
import os
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from .. import _C
from .jit import load
from .store import folder

__all__ = ["Choices", "change", "choices", "file", "pin", "unpin"]

VERSION = 1
OPTIONS = {"num_warps": 4, "num_stages": 3, "num_ctas": 1, "maxnreg": None}  # of a configuration, with their defaults


def file() -> Path:
    """Where the choices are: ``TRITORCH_TUNED``, or ``tuned.json`` in the folder of ``TRITORCH_CACHE``."""
    named = os.environ.get("TRITORCH_TUNED")
    return Path(named) if named else folder() / "tuned.json"


def choices(path: Path | None = None) -> list[dict]:
    """The entries of the file, in order: id, kernel, device, key, config, source, pinned; none where there is no file.

    Raises:
        ValueError: for a file that is none of ours.
    """
    path = path or file()
    try:
        text = path.read_text()
    except OSError:
        return []
    try:
        held = json.loads(text)
        if held["version"] == VERSION and all({"id", "config"} <= set(entry) for entry in held["choices"]):
            return held["choices"]
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(f"{path}: expected choices of autotuning of version {VERSION}, got something else")


def change(edit: Callable[[list[dict]], None], path: Path | None = None) -> None:
    """Lets ``edit`` change the list of entries, and writes the file so that readers see it whole.

    Raises:
        OSError: where it cannot be written.
    """
    path = path or file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        held = choices(path)
        edit(held)
        lines = ",\n".join("    " + json.dumps(entry) for entry in sorted(held, key=lambda x: (x["kernel"], x["id"])))
        aside = path.with_name(f".{path.name}.{os.getpid()}.aside")
        try:
            aside.write_text(f'{{\n  "version": {VERSION},\n  "choices": [\n{lines}\n  ]\n}}\n')
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def _entry(held: list[dict], name: str) -> dict:
    found = [entry for entry in held if entry["id"].startswith(name)]
    if len(found) != 1:
        raise ValueError(f"expected the id of one choice, got {name!r}, which {len(found)} have")
    return found[0]


def pin(name: str, changes: dict[str, Any] | None = None, path: Path | None = None) -> None:
    """Makes a choice hold whatever the kernel's text becomes, with ``changes`` of its configuration.

    Raises:
        ValueError: for an id that no choice or more than one has, a name that its configuration does not have.
    """

    def edit(held):
        entry = _entry(held, name)
        unknown = [key for key in changes or {} if key not in entry["config"] and key not in OPTIONS]
        if unknown:
            raise ValueError(f"expected names among {', '.join([*entry['config'], *OPTIONS])}, got {unknown[0]}")
        entry.setdefault("measured", entry["config"])
        entry.update(pinned=True, config={**entry["config"], **(changes or {})})

    change(edit, path)


def unpin(name: str, path: Path | None = None) -> None:
    """Takes a pin away: what was measured counts again."""

    def edit(held):
        entry = _entry(held, name)
        entry.update(pinned=False, config=entry.pop("measured", entry["config"]))

    change(edit, path)


class Choices(dict):
    """The ``cache`` of one of Triton's autotuners: key -> configuration. See Note [Choices]."""

    def __init__(self, tuner: Any, known: dict) -> None:
        super().__init__(known)
        function = tuner.base_fn
        self.tuner = tuner
        module = function.__module__  # of a program that is run, whatever it is called as, the file's name
        module = Path(function.__code__.co_filename).stem if module == "__main__" else module
        self.kernel = f"{module}.{function.__qualname__}"
        self.device = _C.device_properties(_C.current_device())["name"]
        self.remembers = _C.device_kind() == "cuda" or "TRITORCH_TUNED" in os.environ
        self.source = self._source()

    def _source(self) -> str:
        kernel = self.tuner.fn
        while hasattr(kernel, "fn") and hasattr(kernel.fn, "fn"):
            kernel = kernel.fn
        return load("tritorch.runtime.compile").source_key(kernel)[:16]

    def __contains__(self, key: object) -> bool:
        if super().__contains__(key):
            return True
        config = self._stored(key) if self.remembers else None
        if config is None:
            return False
        super().__setitem__(key, config)
        return True

    def _named(self, key: Any) -> tuple[dict, str]:
        """The key as the file has it, and the entry's id."""
        known = dict(zip(self.tuner.keys, key, strict=False))
        types = [str(x) for x in key[len(self.tuner.keys) :]]
        shown: dict[str, Any] = {
            **{n: x if isinstance(x, (bool, int, float, str)) or x is None else str(x) for n, x in known.items()}
        }
        shown["dtypes"] = [t.rpartition(".")[2] for t in types]
        name = sha256(json.dumps([self.kernel, self.device, shown]).encode()).hexdigest()[:10]
        return shown, name

    def _stored(self, key: Any) -> Any:
        _, name = self._named(key)
        try:
            entry = next((x for x in choices() if x["id"] == name), None)
        except ValueError as error:
            warnings.warn(str(error), RuntimeWarning, stacklevel=2)
            return None
        if entry is None or (entry.get("source") != self.source and not entry.get("pinned")):
            return None
        wanted = entry["config"]
        for config in self.tuner.configs:  # with its hook, which no file holds
            if _facts(config) == {**OPTIONS, **wanted}:
                return config
        if not entry.get("pinned"):
            return None  # the author has changed the configurations there are
        options = {n: wanted.get(n, default) for n, default in OPTIONS.items()}
        return load("triton").Config({n: x for n, x in wanted.items() if n not in OPTIONS}, **options)

    def __setitem__(self, key: Any, config: Any) -> None:
        super().__setitem__(key, config)
        facts = _facts(config)
        if not self.remembers or not all(isinstance(x, (bool, int, float, str, type(None))) for x in facts.values()):
            return
        shown, name = self._named(key)
        facts = {
            n: x for n, x in facts.items() if n not in OPTIONS or x != OPTIONS[n] or n in ("num_warps", "num_stages")
        }
        entry = {
            "id": name, "kernel": self.kernel, "device": self.device, "key": shown, "config": facts,
            "source": self.source, "pinned": False,
        }  # fmt: skip

        def edit(held):
            held[:] = [x for x in held if x["id"] != name] + [entry]

        with contextlib.suppress(OSError, ValueError):  # a file that is shipped and cannot be written, or is none
            change(edit)


def _facts(config: Any) -> dict:
    return {**config.kwargs, **{n: getattr(config, n, default) for n, default in OPTIONS.items()}}
