"""Which pointer arguments a kernel writes: found in its IR, and too many rather than too few."""

import pytest

from tritorch.runtime.written import written_parameters

triton = pytest.importorskip("triton")
import triton.language as tl  # noqa: E402
from triton.backends.compiler import GPUTarget  # noqa: E402

from tritorch.runtime import compile as ours  # noqa: E402


@triton.jit
def helper(p, i, value):
    tl.store(p + i, value)


@triton.jit(noinline=True)
def far(p, i, value):
    tl.store(p + i, value)


@triton.jit(noinline=True)
def farther(p, q):
    far(q, 3, tl.load(p))
    return q


@triton.jit
def plain(a, b, c):
    i = tl.arange(0, 16)
    tl.store(b + i, tl.load(a + i) + tl.load(c + i))


@triton.jit
def in_a_loop(a, b, c, n):
    i = tl.arange(0, 16)
    read, write = a, b
    for _ in range(n):
        helper(write, i, tl.load(read + i))
        read += 16
        write += 16
    tl.load(c)


@triton.jit
def swapped(a, b, c, n):
    i = tl.arange(0, 16)
    read, write = a, b
    for _ in range(n):
        tl.store(write + i, tl.load(read + i))
        read, write = write, read


@triton.jit
def chosen(a, b, c, n):
    if n > 3:
        p = a
    else:
        p = b
    tl.store(p + 1, tl.load(c))


@triton.jit
def branched(a, b, c, n):
    if n > 3:
        tl.store(a, 1.0)
        return
    p = b
    while n < 9:
        p += n
        n += 1
    tl.store(p, tl.load(c))


@triton.jit
def called(a, b, c):
    p = farther(a, b)
    tl.atomic_add(p, tl.load(c))


@triton.jit
def returned(a, b, c):
    tl.store(farther(a, b) + 1, tl.load(c))


@triton.jit
def atomics(a, b, c):
    tl.atomic_add(a, 1.0)
    tl.atomic_max(b + tl.arange(0, 16), 1.0)
    tl.load(c)


@triton.jit
def exchanged(a, b, c):
    tl.atomic_cas(a, 0, 1)
    tl.load(b) + tl.load(c)


@triton.jit
def described(a, b, c, n):
    source = tl.make_tensor_descriptor(a, [n, 64], [64, 1], [16, 64])
    target = tl.make_tensor_descriptor(b, [n, 64], [64, 1], [16, 64])
    at = 0
    while at < n:
        target.store([at, 0], source.load([at, 0]))
        at += 16


@triton.jit
def from_an_integer(a, b, c, n):
    tl.store((n * 8).to(tl.int64).to(tl.pointer_type(tl.float32)), 1.0)


@triton.jit
def reads_a_pointer(a, b, c, n):
    tl.store(b + tl.load((n * 8).to(tl.int64).to(tl.pointer_type(tl.int32))), tl.load(c))


@triton.jit
def assembled(a, b, c):
    value = tl.inline_asm_elementwise("st.global.f32 [$1], 0f00000000; mov.u32 $0, 0;", "=r,l", [b], tl.int32, False, 1)
    tl.store(c, value.to(tl.float32))


@triton.jit
def nothing(a, b, c):
    tl.device_assert(tl.load(a) + tl.load(b) > 0)


@triton.jit
def reduced(a, b, c):
    i = tl.arange(0, 16)
    value = tl.load(a + i)
    tl.store(b, tl.sum(value))
    tl.store(c + i, tl.cumsum(tl.sort(value)))


KERNELS = {
    plain: "b", in_a_loop: "b", swapped: "ab", chosen: "ab", branched: "ab", called: "b", returned: "b", atomics: "ab",
    exchanged: "a", described: "b", from_an_integer: None, reads_a_pointer: "b", assembled: "bc", nothing: "",
    reduced: "bc",
}  # fmt: skip


def ir(kernel):
    names = kernel.arg_names
    whole = "*i32" if kernel is exchanged else "*fp32"
    source = triton.compiler.ASTSource(kernel, {n: "i32" if n == "n" else whole for n in names}, {}, {})
    with ours._language(), ours._Scratch():
        made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=dict(ours.OPTIONS))
    return made.asm["ttir"]


@pytest.fixture(scope="module", autouse=True)
def a_driver():
    ours.load("tritorch.runtime.driver").be_active()


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
def test_what_is_written(kernel):
    wanted = KERNELS[kernel]
    got = written_parameters(ir(kernel), len(kernel.arg_names))
    assert got is None if wanted is None else "".join(kernel.arg_names[i] for i in got) == wanted


def test_names_that_are_used_again():
    """Values of sibling regions have the same names; what is written in one is not in the other."""
    text = """
      tt.func public @kernel(%arg0: !tt.ptr<f32> loc("a"(#loc)), %arg1: !tt.ptr<f32> {tt.divisibility = 16 : i32}, %arg2: i1) {
        scf.if %arg2 {
          %0 = tt.addptr %arg0, %c1 : !tt.ptr<f32>, i32 loc(#loc2)
          %1 = tt.load %0 : !tt.ptr<f32>
        } else {
          %0 = tt.addptr %arg1, %c1 : !tt.ptr<f32>, i32
          tt.store %0, %cst : !tt.ptr<f32>
        }
        tt.return
      }"""
    assert written_parameters(text, 3) == (1,)


def test_several_values_of_a_loop():
    text = """
      tt.func public @kernel(%a: !tt.ptr<f32>, %b: !tt.ptr<f32>, %n: i32) {
        %r:2 = scf.for %i = %n to %n step %n iter_args(%p = %a, %q = %b) -> (!tt.ptr<f32>, !tt.ptr<f32>)  : i32 {
          scf.yield %p, %q : !tt.ptr<f32>, !tt.ptr<f32>
        }
        tt.store %r#1, %cst : !tt.ptr<f32>
        cf.cond_br %n, ^bb1(%a, %b : !tt.ptr<f32>, !tt.ptr<f32>), ^bb2
      ^bb1(%x: !tt.ptr<f32>, %y: !tt.ptr<f32>):
        %v = tt.load %x : !tt.ptr<f32>
        "somebody.else"(%x) : (!tt.ptr<f32>) -> ()
        cf.br ^bb2
      ^bb2:
        tt.return
      }"""
    assert written_parameters(text, 3) == (0, 1)  # what an unknown operation is handed counts


def test_the_store_remembers(tmp_path):
    """A warm process knows it without Triton."""
    store = ours.Store(tmp_path)
    signature = dict.fromkeys("abc", "*fp32")
    made = ours.compile(plain, signature, {}, arch=80, store=store)
    (again,) = ours.compile_many([ours.Request(plain, signature, {}, (), 80, {})], store=store)
    assert made.written == again.written == (1,)
    unknown = ours.compile(from_an_integer, {**signature, "n": "i32"}, {}, arch=80, store=store)
    assert unknown.written == (0, 1, 2)
