"""The floors of the house: imports point down, nothing is hidden, no room is too large (docs/house.md)."""

import ast
import re
import subprocess
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES, MAX_DEPTH = 500, 3

# floor -> rooms (patterns): a module lives on the floor of the most exact room that holds it or a folder of it.
# The first two floors are C++; what stands on tritorch's first names (nn, optim, utils, linalg...) is on 12.
FLOORS = {
    2: ["tritorch._C"],
    3: ["tritorch.dtypes", "tritorch.shape", "tritorch.errors"],
    4: ["tritorch.runtime"],
    5: ["tritorch.tensor*", "tritorch._print", "tritorch._factory"],
    6: ["tritorch.autograd"],
    7: ["tritorch.ops._*"],
    8: ["tritorch.ops._kinds*"],
    9: ["tritorch.ops"],
    10: ["tritorch.fuse"],
    11: ["tritorch._api*"],
    12: ["tritorch", "tritorch.autograd.functional"],
    13: ["tritorch.__init__"],
    14: ["tritorch.cli", "tritorch.__main__", "perf", "examples", "scripts"],
}
ROOMS = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
LAZY_DOORS = {"tritorch.runtime"}  # the one room that may import triton inside a function


class Import(NamedTuple):
    """One import statement: the modules it may load, where it stands."""

    targets: tuple[str, ...]
    line: int
    hidden: bool


NEWLINE = b"\n"


def tracked(*patterns: str) -> list[Path]:
    """Files that git tracks or would track: what a fresh clone holds, and what is being written."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / line for line in sorted(set(listing.stdout.splitlines())) if (ROOT / line).is_file()]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


@cache
def modules() -> dict[str, Path]:
    return {module_name(path): path for path in tracked("tritorch/*.py", "perf/*.py", "examples/*.py", "scripts/*.py")}


def known(name: str) -> str | None:
    """The module of ours that a dotted name lives in, or None: `tritorch.shape.Size` -> `tritorch.shape`."""
    while name:
        if name in modules() or name == "tritorch._C":
            return name
        if name == "tritorch":
            return "tritorch.__init__"
        name = name.rpartition(".")[0]
    return None


@cache
def floor(module: str) -> int:
    rooms = [room for room in ROOMS if fnmatchcase(module, room)]
    return ROOMS[max(rooms, key=len)] if rooms else floor(module.rpartition(".")[0])


def absolute(node: ast.ImportFrom, module: str) -> str:
    if not node.level:
        return node.module or ""
    package = module.split(".")
    is_package = modules()[module].name == "__init__.py"
    base = package[: len(package) - node.level + (is_package and module != "tritorch.__init__")]
    return ".".join([*base, node.module] if node.module else base)


def targets(node: ast.Import | ast.ImportFrom, module: str) -> tuple[str, ...]:
    if isinstance(node, ast.Import):
        return tuple(alias.name for alias in node.names)
    base = absolute(node, module)
    return tuple(base if alias.name == "*" else f"{base}.{alias.name}" for alias in node.names)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


@cache
def imports(module: str) -> tuple[Import, ...]:
    """Every import of a module, except those for the type checker alone."""
    found: list[Import] = []

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(Import(targets(node, module), node.lineno, inside))
        for child in ast.iter_child_nodes(node):
            if is_type_checking(child) and not inside:
                for other in child.orelse:  # type: ignore[attr-defined]
                    visit(other, inside)
            else:
                visit(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    visit(ast.parse(modules()[module].read_text()), False)
    return tuple(found)


def edges(module: str) -> set[str]:
    """The modules of ours that a module's import loads before it is itself complete."""
    loads = {known(target) for item in imports(module) if not item.hidden for target in item.targets}
    return {target for target in loads if target and target != module}


def where(module: str, item: Import) -> str:
    return f"{modules()[module].relative_to(ROOT)}:{item.line}"


def test_imports_point_down():
    """A module imports from its own floor or from lower ones."""
    upward = [
        f"{where(module, item)}: floor {floor(module)} imports {target}, floor {floor(target)}"
        for module in modules()
        for item in imports(module)
        for target in filter(None, map(known, item.targets))
        if floor(target) > floor(module)
    ]
    assert not upward, "\n".join(upward)


def test_no_circles():
    """No module waits for itself, by whatever way round."""
    done: set[str] = set()
    circles: list[str] = []

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            circles.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done and module in modules():
            for target in sorted(edges(module)):
                visit(target, (*path, module))
            done.add(module)

    for module in sorted(modules()):
        visit(module, ())
    assert not circles, "\n".join(circles)


def test_no_import_is_hidden_in_a_function():
    """Imports stand at the top of the file; only runtime opens the door to triton when it is first needed."""
    hidden = [
        f"{where(module, item)}: {', '.join(item.targets)}"
        for module in modules()
        for item in imports(module)
        if item.hidden
        and not (
            any(module == door or module.startswith(door + ".") for door in LAZY_DOORS)
            and all(target.split(".")[0] == "triton" for target in item.targets)
        )
    ]
    assert not hidden, "\n".join(hidden)


def names_triton(module: str) -> bool:
    return any(
        target.split(".")[0] == "triton" for item in imports(module) if not item.hidden for target in item.targets
    )


def test_importing_tritorch_never_loads_triton_or_torch():
    """triton is named at the top of files of runtime alone, which only the door opens (`jit.load`); torch nowhere."""
    library = [module for module in modules() if module.startswith("tritorch")]
    behind = {module for module in library if names_triton(module)}
    wrong = [module for module in behind if not any(module.startswith(f"{door}.") for door in LAZY_DOORS)]
    wrong += [
        f"{where(module, item)}: {target}"
        for module in library
        for item in imports(module)
        for target in item.targets
        if target.split(".")[0] == "torch" or (target in behind and module not in behind)
    ]
    assert not wrong, "\n".join(wrong)


def family(module: str) -> str | None:
    """The operator family of a module of `tritorch.ops`, None for the language itself (names with an underscore)."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["tritorch", "ops"] and len(parts) > 2 and not parts[2].startswith("_") else None


def test_families_do_not_know_each_other():
    """An operator reaches others only by name, through the language."""
    crossed = [
        f"{where(module, item)}: {target}"
        for module in modules()
        if family(module)
        for item in imports(module)
        for target in filter(None, map(known, item.targets))
        if family(target) not in (None, family(module))
    ]
    assert not crossed, "\n".join(crossed)


def test_no_file_is_too_long():
    """Files that a script writes are not for reading: they do not count."""
    long = [
        f"{path.relative_to(ROOT)}: {text.count(NEWLINE)} lines"
        for path in tracked("*.py", "*.cpp", "*.cc", "*.h", "*.hpp", "*.cu", "*.js")
        if (text := path.read_bytes()).count(NEWLINE) > MAX_LINES and b"Not to be edited." not in text[:200]
    ]
    assert not long, "\n".join(long)


def test_no_folder_is_too_deep():
    deep = [str(path.relative_to(ROOT)) for path in tracked() if len(path.relative_to(ROOT).parts) - 1 > MAX_DEPTH]
    assert not deep, "\n".join(deep)


INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
PYTHON = re.compile(r"^(Python\.h|pybind11/|numpy/|nanobind/)|bindings/")
CUDA = re.compile(r"^(cuda|cuda_runtime|cudart|driver_types|nvrtc|cupti)[\w.]*\.h$|^cuda/")


@pytest.mark.parametrize(
    ("pattern", "forbidden", "exempt"),
    [
        pytest.param(PYTHON, ("csrc/autograd/", "csrc/allocator/", "csrc/device/"), (), id="no Python below bindings"),
        pytest.param(CUDA, ("csrc/",), ("csrc/device/",), id="CUDA in device alone"),
    ],
)
def test_includes_stay_in_their_room(pattern, forbidden, exempt):
    wrong = [
        f"{name}: {header}"
        for path in tracked("csrc/*.h", "csrc/*.hpp", "csrc/*.cpp", "csrc/*.cc")
        if (name := path.relative_to(ROOT).as_posix()).startswith(forbidden) and not name.startswith(exempt or "\0")
        for header in INCLUDE.findall(path.read_text())
        if pattern.search(header)
    ]
    assert not wrong, "\n".join(wrong)
