"""Writes an operator's call path: bind, place, run, record.

Note [Generated call path]: as ``dataclasses`` does, the source of each form (function, in-place, operator,
backward) is written once, when the operator is defined, with the argument names spelled out, so that a call
binds by Python itself and loops over nothing. ``inspect.getsource(tritorch.add)`` shows it.
"""

import functools
import linecache
import re
import types

from .. import _C
from . import _call, _device
from ._names import LEGACY, NUMPY_NAMES, OPERATORS
from ._schema import MISSING


def build(cls):
    """Gives ``cls`` its forms: ``call``, ``call_`` (in place) and ``dunders``."""
    cls.call = _later(cls, cls.short, _function)
    cls.call_ = _later(cls, cls.short + "_", _inplace) if cls.inplace else None
    cls.dunders = _dunders(cls) if cls.operator else {}


# Note [Written at the first call]: a form starts as a stub whose first call writes the source, compiles it, and puts
# the code into the same function object: importing hundreds of operators costs nothing, and whoever holds the
# function has the full speed of it from the second call on.


def _stub(*args, **kwargs):
    return _write()(*args, **kwargs)  # noqa: F821 # pyright: ignore - in the globals of the form


def _later(cls, name, lines):
    scope = {"__name__": cls.__module__, "__builtins__": __builtins__}
    form = types.FunctionType(_stub.__code__, scope, name)
    form.__doc__, form.__module__, form.__qualname__ = cls.__doc__, f"tritorch.{cls.home or '_api'}", name

    def write():
        scope.update(_scope(cls))
        made = _compile(f"{cls.path}: {name}", name, lines(cls), scope)
        form.__defaults__, form.__kwdefaults__ = made.__defaults__, made.__kwdefaults__
        form.__code__ = made.__code__
        return form

    scope["_write"] = write
    return form


def _compile(title, name, lines, scope):
    source = "\n".join(lines) + "\n"
    filename = f"<tritorch operator {title}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    made = {}  # apart from the scope: an operator's name may be one that its text uses (view)
    exec(compile(source, filename, "exec"), scope, made)  # our own text, made from identifiers only
    return made[name]


FROM_C = """
    fast1 fast2 fast_into run dispatch wrap view become views bump plain_size arrays_of needs_grad record record_inplace
    check_inplace reduce_tensor
""".split()


@functools.cache
def _scope(cls):
    """The globals of an operator's forms."""
    scope = {
        "OP": cls,
        "NAME": cls.short,
        "LOOP": cls.loop() if cls.slot == "cpu" else cls.eager,
        "LOOP_": cls.__dict__["cpu_"].__func__ if "cpu_" in cls.__dict__ else None,
        "CALL": cls.call,
        "CALL_": cls.call_,
        "LEAN": cls.lean,
        **{name: getattr(_C, name) for name in FROM_C},
        **{name: getattr(_call, name) for name in _call.__all__},
        **{f"_{a.name}": a.default for a in cls.public_args() if a.default is not MISSING},
    }
    if cls.slot == "cpu":
        _device.owned(scope["LOOP"], cls)
        if scope["LOOP_"] is not None:
            _device.owned(scope["LOOP_"], cls, inplace=True)
    scope["FAST"] = fast = cls.fast()
    if cls.derivatives:
        cls.node = scope["OPB"] = _C.OpBackward(node_name(cls.short), _backward(cls))
        recipe = _recipe(cls) if fast is not None else None
        if recipe is not None:
            fast.record(scope["OPB"], recipe)
    if cls.returns:
        scope["RETURNS"] = _call.return_type(cls.short, cls.returns)
    return scope


# -- the pieces of a form: each gives source lines --------------------------------------------------


def _signature(cls, *extra):
    args, star = [], False
    for a in cls.public_args():
        if a.role == "shape" and not a.keyword_only:
            args += [f"*{a.name}_", f"{a.name}=None"]  # f(2, 3), f((2, 3)) and f(size=(2, 3))
            star = True
            continue
        if a.role == "star":
            args.append(f"*{a.name}")
            star = True
            continue
        if a.keyword_only and not star:
            args.append("*")
            star = True
        args.append(a.name if a.default is MISSING else f"{a.name}=_{a.name}")
    for name in extra:
        if not star:
            args.append("*")
            star = True
        args.append(f"{name}=None")
    return ", ".join(args)


def _numpy_names(cls):
    have = {a.name for a in cls.args}
    return [alias for name, alias in NUMPY_NAMES.items() if name in have and alias not in have]


def _aliases(cls, pad="    "):
    lines = []
    names = {alias: name for name, alias in NUMPY_NAMES.items()}
    for alias in _numpy_names(cls):
        lines.append(f"{pad}if {alias} is not None: {names[alias]} = {alias}")
    return lines


def _fast(cls, form):
    """The same-dtype, same-device, no-grad case falls straight through to the ufunc."""
    if cls.ufunc is None and (cls.lean is None or form == "inplace"):
        return []
    tensors = [a.name for a in cls.args if a.is_tensor]
    plain = [f"{a.name} is _{a.name}" for a in cls.args if not a.is_tensor]
    if form == "function" and cls.has_out:
        plain.append("out is None")
    if cls.ufunc is None:
        call = f"LEAN({', '.join(tensors)})"
    else:
        call = f"{'fast_into' if form == 'inplace' else f'fast{len(tensors)}'}(FAST, {', '.join(tensors)})"
    test = " and ".join(plain)
    body = [f"r = {call}", "if r is not None: return r"]
    if cls.ufunc is None:
        recorded = [line[4:] for line in _record(cls, "record", "out_")] if cls.derivatives else []
        body = [f"out_ = {call}", "if out_ is not None:", *["    " + line for line in recorded], "    return out_"]
    return [f"    if {test}:", *["        " + line for line in body]] if test else ["    " + line for line in body]


def _bind(cls):
    """Arrays of the tensor arguments, and the plain ones normalised."""
    lines, first = [], next((a for a in cls.args if a.is_tensor), None)
    numbers = cls.numbers.split()
    for position, a in enumerate(cls.args):
        n = a.name
        if a.role == "tensor":
            reader = "number_or_operand" if n in numbers else "operand"
            if a.default is None:
                lines.append(f"    a_{n} = None if {n} is None else {reader}(OP, {position}, {n!r}, {n})")
            else:
                if n in numbers:
                    plain = f"{n} if {n}.__class__ is float or {n}.__class__ is int"
                    other = f"{reader}(OP, {position}, {n!r}, {n})"
                    lines.append(f"    a_{n} = {n}._array if isinstance({n}, TensorBase) else {plain} else {other}")
                    continue
                lines.append(f"    try: a_{n} = {n}._array")
                lines.append(f"    except AttributeError: a_{n} = {reader}(OP, {position}, {n!r}, {n})")
        elif a.role == "tensors":
            lines.append(f"    a_{n} = arrays_of({n})")
            lines.append(f"    if a_{n} is None:")
            lines.append(f"        {n} = tensor_list(OP, {position}, {n!r}, {n})")
            lines.append(f"        a_{n} = [t._array for t in {n}]")
    rank = None
    if first is not None:
        rank = f"a_{first.name}[0].ndim" if first.role == "tensors" else f"a_{first.name}.ndim"
    for a in cls.args:
        n = a.name
        if a.role == "dim" and rank:
            guard = f"if {n} is not None: " if a.default is None else ""
            guard = guard or f"if not 0 <= {n} < {rank}: "
            lines.append(f"    {guard}{n} = wrap_dim({n}, {rank})")
        elif a.role == "dims" and rank:
            lines.append(f"    {n} = wrap_dims({n}, {rank})")
        elif a.role == "shape":
            lines += _size(a)
        elif a.role == "number":
            lines.append(f"    if {n}.__class__ is not float and {n}.__class__ is not int: {n} = number({n})")
    return lines


def _size(a):
    n = a.name
    if a.keyword_only:
        return [f"    {n} = size_args(({n},), NAME, {n!r})"]
    return [
        f"    if {n} is None: {n} = plain_size({n}_) or size_args({n}_, NAME, {n!r})",
        f"    else: {n} = size_args(({n},), NAME, {n!r})",
    ]


def _check(cls):
    if "check" not in cls.__dict__:
        return []
    asked = cls.check.__code__.co_varnames[: cls.check.__code__.co_argcount]
    tensors = {a.name for a in cls.args if a.is_tensor}
    return [f"    OP.check({', '.join('a_' + n if n in tensors else n for n in asked)})"]


def _run(cls):
    arrays = ", ".join(f"a_{a.name}" if a.is_tensor else a.name for a in cls.args)
    if not cls.arithmetic:
        return [f"    r = {'LOOP(' if cls.cuda is None and cls.windows else 'dispatch(LOOP, '}{arrays})"]
    call = f"run(LOOP, {arrays})" if arrays else "run(LOOP)"
    if cls.creates:
        return [f"    r = {call} if where is None else create_on(where, LOOP{', ' if arrays else ''}{arrays})"]
    return [f"    r = {call}"]


def _function(cls):
    if cls.slot == "eager":
        return _eager(cls)
    extra = (["out"] if cls.has_out else []) + _numpy_names(cls)
    lines = [
        f"def {cls.short}({_signature(cls, *extra)}):",
        *_aliases(cls),
        *cls.both_lines(),
        *cls.head_lines(),
        *_fast(cls, "function"),
    ]
    lines += [*_bind(cls), *cls.bind_lines(), *_check(cls), *_run(cls)]
    if cls.has_out:
        inputs = "".join(f"{a.name}, " for a in cls.args if a.is_tensor)
        lines.append(f"    if out is not None: return write_out(OP, out, r, ({inputs}))")
    lines += cls.finish_lines()
    if cls.derivatives:
        lines += _record(cls, "record", "out_")
    return [*lines, "    return out_"]


def _eager(cls):
    extra = (["out"] if cls.has_out else []) + _numpy_names(cls)
    lines = [f"def {cls.short}({_signature(cls, *extra)}):", *_aliases(cls)]
    lines += _bind_eager(cls)
    call = f"LOOP({', '.join(f'{a.name}={a.name}' if a.keyword_only else a.name for a in cls.args)})"
    if cls.returns:
        call = f"RETURNS(*{call})"
    if not cls.has_out:
        return [*lines, f"    return {call}"]
    inputs = "".join(f"{a.name}, " for a in cls.args if a.is_tensor)
    return [
        *lines,
        f"    if out is None: return {call}",
        f"    return write_out_tensor(OP, out, {call}, ({inputs}))",
    ]


def _bind_eager(cls):
    lines, first = [], next((a for a in cls.args if a.is_tensor), None)
    numbers = cls.numbers.split()
    for position, a in enumerate(cls.args):
        n = a.name
        if a.role == "tensor" and a.default is MISSING and n not in numbers:
            lines.append(f"    if not isinstance({n}, TensorBase): operand(OP, {position}, {n!r}, {n})")
        elif a.role == "tensors":
            lines.append(f"    {n} = tensor_list(OP, {position}, {n!r}, {n})")
        elif a.role == "shape":
            lines += _size(a)
        elif a.role in ("dim", "dims") and first is not None:
            rank = f"{first.name}[0].ndim" if first.role == "tensors" else f"{first.name}.ndim"
            guard = f"if not 0 <= {n} < {rank}: " if a.role == "dim" else ""
            if a.default is None and a.role == "dim":
                guard = f"if {n} is not None: "
            lines.append(f"    {guard}{n} = wrap_{a.role}({n}, {rank})")
    return lines


def _inplace(cls):
    first = cls.args[0].name
    name = cls.short + "_"
    lines = [f"def {name}({_signature(cls, *_numpy_names(cls))}):", *_aliases(cls)]
    if cls.slot == "eager":
        call = f"LOOP({', '.join(f'{a.name}={a.name}' if a.keyword_only else a.name for a in cls.args)})"
        return [*lines, *_bind_eager(cls), f"    return assign_tensor({first}, {call}, {name!r})"]
    lines += [*cls.both_lines(), *_fast(cls, "inplace"), *_bind(cls), *_check(cls)]
    if cls.rebinds:  # nothing is written: it becomes another window
        args = ", ".join(a.name for a in cls.args)
        lines += [f"    check_inplace({first}, needs_grad({first}))", f"    bump({first})"]
        return [*lines, f"    become({first}, CALL({args}))", f"    return {first}"]
    own = "cpu_" in cls.__dict__  # writes the array itself
    if cls.derivatives:
        targets = ", ".join(_targets(cls))
        checked = ", ".join([first, "recording", *[t for t in _targets(cls) if t != first]])
        lines += [f"    recording = needs_grad({targets})", f"    check_inplace({checked})"]
        if first in _saved(cls):  # the write destroys what the derivative needs
            users = " or ".join(f"needs_grad({u})" for u in dict.fromkeys(_saved(cls)[first]))
            lines.append(f"    original = {first}.clone() if {users} else {first}")
        for other in _others_saved(cls):
            lines.append(f"    kept_{other} = unwritten({other}, {first}) if recording else {other}")
    else:
        lines.append(f"    check_inplace({first})")
    if own:
        if not cls.overlaps:
            lines.append(f"    refuse_overlap(a_{first})")
        lines += [_run(cls)[0].replace("LOOP", "LOOP_"), f"    bump({first})"]
    else:
        into = f", into=a_{first})" if getattr(cls.loop(), "takes_into", False) else ")"
        lines += [_run(cls)[0][:-1] + into, f"    assign({first}, r, {name!r})"]
    if cls.derivatives:
        lines += _record(cls, "record_inplace", first)
    return [*lines, f"    return {first}"]


# -- recording and the backward function ------------------------------------------------------------


def _targets(cls):
    """The arguments that have a derivative, in the order of the schema."""
    have = {t for targets, _, _ in cls.derivatives for t in targets}
    return [a.name for a in cls.args if a.name in have]


def _saved(cls):
    """name -> the targets whose derivatives ask for it: what a node saves."""
    saved = {}
    for targets, _, asked in cls.derivatives:
        for name in asked:
            if name.startswith("grad") or name == "needs":
                continue
            saved.setdefault(name, []).extend(targets)
    for name in cls.backward_saves:
        saved.setdefault(name, []).extend(_targets(cls))
    if cls.returns and _materialized(cls):
        saved["_metas"] = _targets(cls)
    return saved


def _others_saved(cls):
    """The tensors beside the first that a node saves: in place, they may be the memory that is written."""
    return [a.name for a in cls.args[1:] if a.role == "tensor" and a.name in _saved(cls)]


def _recipe(cls):
    """What FAST saves of a plain call that it records by itself; None where that is more than it can."""
    tensors, targets = [a.name for a in cls.args if a.is_tensor], _targets(cls)
    defaults = {a.name: a.default for a in cls.args if not a.is_tensor}
    recipe = []
    for name, users in _saved(cls).items():
        asked = 0 if len(set(users)) == len(targets) else sum(1 << targets.index(u) for u in set(users))
        if name == "out":
            recipe.append(("out", None, asked))
        elif name in tensors:
            recipe.append(("input", tensors.index(name), asked))
        elif name.endswith("_shape") and name[:-6] in tensors:
            recipe.append(("shape", tensors.index(name[:-6])))
        elif name in cls.fast_arguments:
            recipe.append(("argument", cls.fast_arguments.index(name)))
        elif name in defaults:
            recipe.append(("value", defaults[name]))
        else:
            return None
    return tuple(recipe) if targets == tensors else None


def _grad_names(cls):
    outs = cls.returns or ("out",)
    return [f"grad_{o}" for o in outs]


def _materialized(cls):
    """Gradients of several outputs that a derivative names: an undefined one becomes zeros."""
    if not cls.materialize:
        return []
    asked = {n for _, _, names in cls.derivatives for n in names}
    wanted = [g for g in _grad_names(cls) if g in asked]
    return wanted if len(set(wanted)) > 1 or ("grad" in asked and wanted) else []


def _record(cls, how, out):
    targets = _targets(cls)
    tensors = {a.name for a in cls.args if a.is_tensor}
    single = len(targets) == 1
    inplace = how == "record_inplace"
    first = cls.args[0].name
    values = []
    for name, users in _saved(cls).items():
        if name == "_metas":
            value = "metas(out_)"
        elif name == "out":
            value = f"{out}[0]" if cls.returns else out
        elif name in cls.returns:
            value = f"{out}[{cls.returns.index(name)}]"
        elif name.endswith("_shape") and name[:-6] in tensors:
            source = name[:-6]
            value = f"shapes_of({source})" if _is_list(cls, source) else f"shape_of({source})"
        else:
            value = "original" if inplace and name == first else name
            if inplace and name in _others_saved(cls):
                value = f"kept_{name}"
        tensor_like = name in tensors or name == "out" or name in cls.returns
        if tensor_like and not single and len(set(users)) < len(targets):
            value = f"({value} if {' or '.join(f'needs_grad({u})' for u in dict.fromkeys(users))} else None)"
        values.append(value)
    test = "recording" if inplace else f"needs_grad({', '.join(targets)})"
    saved = "".join(v + ", " for v in values)
    return [f"    if {test}: {how}(OPB, {out}, ({', '.join(targets)},), ({saved}))"]


def _is_list(cls, name):
    return any(a.name == name and a.role == "tensors" for a in cls.args)


def _backward(cls):
    targets, saved = _targets(cls), list(_saved(cls))
    grads = _grad_names(cls)
    scope = {name: getattr(_call, name) for name in _call.__all__}
    multi = cls.multi
    lines = [f"def backward(needs, saved, {'*grads' if multi else ', '.join(grads)}):"]
    if saved:
        lines.append(f"    ({', '.join(saved)},) = saved")
    if not multi:
        lines.append(f"    grad = {grads[0]}")
        for i, g in enumerate(grads):
            if g in _materialized(cls):
                lines.append(f"    if {g} is None: {g} = zeros_like_meta(_metas[{i}])")
        if _materialized(cls) or not cls.materialize:
            lines.append(f"    grad = {grads[0]}")
        else:
            lines.append(
                "    if grad is None: return " + ("None" if len(targets) == 1 else f"(None,) * {len(targets)}")
            )
        if len(grads) > 1:
            lines.append(f"    grads = ({', '.join(grads)},)")
    lines += [f"    {line}" for line in cls.backward_prelude(saved)]
    results = {}
    for k, (names, function, asked) in enumerate(cls.derivatives):
        scope[f"d{k}"] = function
        bits = [1 << targets.index(n) for n in names]
        arguments = ", ".join("_needs" if a == "needs" else a for a in asked)
        if len(names) == 1:
            call = f"d{k}({arguments})"
            results[names[0]] = call if len(targets) == 1 else f"{call} if needs & {bits[0]} else None"
            if "needs" in asked:
                lines.append(f"    _needs = (bool(needs & {bits[0]}),)")
        else:
            lines.append(f"    _needs = ({', '.join(f'bool(needs & {b})' for b in bits)},)")
            lines.append(f"    j{k} = d{k}({arguments}) if needs & {sum(bits)} else {(None,) * len(names)}")
            for i, n in enumerate(names):
                results[n] = f"j{k}[{i}]"
    if len(targets) == 1:
        lines.append(f"    return {results[targets[0]]}")
    else:
        lines.append(f"    return ({', '.join(results[t] for t in targets)},)")
    return _compile(f"{cls.path}: backward", "backward", lines, scope)


def node_name(short):
    """``log_softmax`` -> ``LogSoftmaxBackward0``."""
    return "".join(part.capitalize() for part in re.split("_+", short) if part) + "Backward0"


def _dunders(cls):
    method, reflected, inplace = OPERATORS[cls.operator]
    if len([a for a in cls.args if a.is_tensor]) == 1:
        return {method: cls.eager if cls.slot == "eager" else cls.call}  # by then it is a tensor
    fast = ["    r = fast2(FAST, input, other)", "    if r is not None: return r"] if cls.ufunc is not None else []
    forms = {method: (fast, "CALL(input, other)")}
    if reflected:
        forms[reflected] = ([], "CALL(other, input)")
    if inplace and cls.inplace:
        forms[inplace] = ([], "CALL_(input, other)")
    made = {name: _later(cls, name, _dunder(name, *form)) for name, form in forms.items()}
    return {**made, **{old: made[name] for old, name in LEGACY.items() if name in made}}


def _dunder(name, head, call):
    refuse = "    if not is_operand(other): return NotImplemented"
    return lambda cls: [f"def {name}(input, other):", *head, refuse, f"    return {call}"]
