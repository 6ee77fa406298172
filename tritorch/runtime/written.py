"""Which pointer arguments a kernel writes, read from the text of its IR.

Note [Written arguments]: autograd must know what a kernel of the user's writes, or it would use stale values. Triton's
IR says it: from the pointer of every store, atomic and descriptor store the flow of values is walked back, through
offsets, selects, branches, loops and calls, to the kernel's arguments. The walk can only find too much: what cannot
be followed (a pointer made of an integer or read from memory, code of another language) counts as every pointer.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

__all__ = ["written_parameters"]

_LOCATION = re.compile(r' ?loc\((?:[^()"]|"[^"]*"|\((?:[^()"]|"[^"]*"|\([^()]*\))*\))*\)')
_VALUE = re.compile(r"%[\w$.-]+(?:#\d+)?")
_DECLARED = re.compile(r"(%[\w$.-]+)\s*:\s*(\S*)")
_FUNCTION = re.compile(r"tt\.func\s+(?:public\s+|private\s+)?@([^\s(]+)\((.*)")
_OPERATION = re.compile(r'(?:(%[^=]*?)\s*=\s*)?"?([\w.]+)"?(.*)')
_CARRIED = re.compile(r"(?:iter_args|scf\.while )\(([^)]*)\)")
_TARGET = re.compile(r"(\^\w+)(?:\(([^:)]*))?")
_WRITES = re.compile(r"(store|atomic|scatter|descriptor_reduce|copy_local_to_global)")
_HARMLESS = re.compile(
    r"(tt\.(print|assert|return)|.*\.return|llvm\.intr\.assume|gpu\.barrier|ttg\.barrier|scf\.\w+|cf\.\w+)"
)
_FOREIGN = re.compile(r"(inline_asm|extern_elementwise)")
_ANY = ("any",)  # a pointer from nowhere that can be followed


class _Region:
    """What braces enclose: its own names, and what flows in and out."""

    def __init__(self, outer, results=(), carried=(), function=None):
        self.outer, self.results, self.carried, self.function = outer, results, carried, function
        self.names: dict[str, tuple] = {}
        self.after: list = []  # arguments of the second region of a while loop

    def find(self, name):
        region = self
        while region is not None:
            if name in region.names:
                return region.names[name]
            region = region.outer
        return (name,)  # not declared: leads nowhere


class _Flow:
    """Values, and where each may come from."""

    def __init__(self):
        self.sources: dict[tuple, set] = defaultdict(set)
        self.written: list[tuple] = []
        self.count = 0
        self.entry = ""
        self.pointers: set[tuple] = set()  # the arguments that are some

    def new(self):
        self.count += 1
        return (self.count,)

    def joined(self, targets: Iterable, sources: Iterable):
        for target, source in zip(targets, sources, strict=False):
            self.sources[target].add(source)


def written_parameters(text: str, count: int) -> tuple[int, ...] | None:
    """The places, among a kernel's ``count`` parameters, of those through which it writes; None: it cannot be known.

    Args:
        text: Triton's IR ("ttir") of a module.

    Example:
        >>> from tritorch.runtime.written import written_parameters
        >>> written_parameters('''
        ...   tt.func public @kernel(%x: !tt.ptr<f32>, %y: !tt.ptr<f32>) {
        ...     %0 = tt.load %x : !tt.ptr<f32>
        ...     tt.store %y, %0 : !tt.ptr<f32>
        ...     tt.return
        ...   }''', 2)
        (1,)
    """
    flow = _Flow()
    _read(text, flow)
    reached, left = set(), list(flow.written)
    while left:
        value = left.pop()
        if value == _ANY:
            return None
        if value not in reached:
            reached.add(value)
            left += flow.sources.get(value, ())
    reached &= flow.pointers
    return tuple(i for i in range(count) if ("argument", flow.entry, i) in reached)


def _read(text, flow):
    region = _Region(None)
    for line in text.splitlines():
        line = _LOCATION.sub("", line).strip()
        if not line or line.startswith(("#", "//")):
            continue
        if line.startswith("}"):
            region, line = _closed(region, line, flow)
        if line.startswith("^"):
            _block(line, region, flow)
        elif line.startswith("module") or not line:
            region = _Region(region) if line.endswith("{") else region
        else:
            region = _operation(line, region, flow)


def _closed(region, line, flow):
    """Behind a closing brace: the region around, or the next one of the same operation."""
    if not re.match(r"\}.*\{$", line):
        return region.outer or region, ""
    loops = line.startswith("} do")  # its results are those of the condition, not what the body hands on
    following = _Region(region.outer, () if loops else region.results, region.carried, region.function)
    following.after = region.after if loops else []
    return following, ""


def _block(line, region, flow):
    """The arguments of a block: ``^bb1(%a: i32):``."""
    label = re.match(r"\^\w+", line)[0]  # type: ignore[index]
    for i, (name, _) in enumerate(_DECLARED.findall(line)):
        value = region.after[i] if i < len(region.after) else ("block", id(region), label, i)
        region.names[name] = value


def _values(text, region):
    return [region.find(name) for name in _VALUE.findall(text)]


def _operation(line, region, flow):
    function = _FUNCTION.match(line)
    if function:
        return _function(function, line, region, flow)
    named, name, rest = _OPERATION.match(line).groups()  # type: ignore[union-attr]
    carried = _CARRIED.search(line) if name in ("scf.for", "scf.while") else None
    pairs = [part.split("=") for part in carried[1].split(",") if "=" in part] if carried else []
    given = [region.find(initial.strip()) for _, initial in pairs]
    operands = _values(rest, region)
    results = _results(named, region, flow)
    if name in ("scf.for", "scf.while", "scf.if"):
        if name == "scf.for":  # no turn at all
            flow.joined(results, given)
    elif name == "scf.yield":
        flow.joined(region.results, operands)
        flow.joined(region.carried, operands)
    elif name == "scf.condition":
        flow.joined(region.results, operands[1:])
        flow.joined(region.after, operands[1:])
    elif name in ("cf.br", "cf.cond_br"):
        for label, handed in _TARGET.findall(rest):
            targets = [("block", id(region), label, i) for i in range(handed.count("%"))]
            flow.joined(targets, _values(handed, region))
    elif name == "tt.call":
        callee = re.match(r"\s*@([^\s(]+)\(", rest)[1]  # type: ignore[index]
        flow.joined([("argument", callee, i) for i in range(len(operands))], operands)
        flow.joined(results, [("result", callee, i) for i in range(len(results))])
    elif name == "tt.return":
        flow.joined([("result", region.function, i) for i in range(len(operands))], operands)
    else:
        _plain(name, rest, operands, results, flow)
    if not line.endswith("{"):
        return region
    inner = _Region(region, results, function=region.function)
    for (declared, _), initial in zip(pairs, given, strict=True):
        inner.names[declared.strip()] = argument = flow.new()
        flow.sources[argument].add(initial)
        inner.carried = (*inner.carried, argument)
    if name == "scf.while":
        inner.after = [flow.new() for _ in results]
    return inner


def _plain(name, rest, operands, results, flow):
    """An operation whose results come from its operands, and what it writes."""
    if _WRITES.search(name):
        flow.written += operands[:1]
    elif _FOREIGN.search(name) or (not results and not _HARMLESS.fullmatch(name)):
        flow.written += operands
    if name == "tt.int_to_ptr" or (name == "tt.load" and "ptr<!tt.ptr" in rest):
        operands = [_ANY]
    elif name in ("tt.load", "tt.descriptor_load", "tt.descriptor_gather") or _WRITES.search(name):
        operands = []  # what memory holds is no pointer
    for result in results:
        flow.sources[result].update(operands)


def _results(named, region, flow):
    """Declares the results of an operation: ``%a``, ``%a:2`` (read as ``%a#0``, ``%a#1``) or ``%a, %b``."""
    found = []
    for part in named.split(",") if named else ():
        name, _, count = part.strip().partition(":")
        for i in range(int(count or 1)):
            value = flow.new()
            region.names[f"{name}#{i}" if count else name] = value
            found.append(value)
    return found


def _function(match, line, region, flow):
    name = match[1]
    if " public " in line:
        flow.entry = name
    inner = _Region(region, function=name)
    for i, (declared, kind) in enumerate(_DECLARED.findall(match[2])):
        inner.names[declared] = argument = ("argument", name, i)
        if kind.startswith("!tt.ptr"):
            flow.pointers.add(argument)
    return inner
