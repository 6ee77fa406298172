"""Indexing, joining, windows and order on the device, against the CPU: results, gradients and errors."""

import numpy as np
import pytest

import tritorch

PLACES = tritorch.tensor([0, -1, 2, 0])
TWICE = tritorch.tensor([1, 1, 0])
ALONG = tritorch.tensor([[[1, 2], [0, 0], [1, 2]]])
CUBE, SHEET = (3, 3, 6), (3, 4)


def outcome(function, device, arguments):
    """Results and gradients on a device, or the error."""
    given = [x.detach().clone().to(device).requires_grad_(x.is_floating_point()) for x in arguments]
    try:
        out = function(*given)
    except (IndexError, RuntimeError) as error:
        return type(error), str(error)
    outs = out if isinstance(out, tuple) else (out,)
    for x in outs:
        if x.requires_grad:
            (x + x).sum().backward(retain_graph=True)
    return [x.detach().cpu() for x in (*outs, *(x.grad for x in given if x.grad is not None))]


def same(function, *shapes, dtype=tritorch.float32):
    tritorch.manual_seed(0)
    arguments = [(tritorch.randn(*shape) * 3).to(dtype) for shape in shapes]
    wanted, got = (outcome(function, device, arguments) for device in ("cpu", "cuda"))
    if isinstance(wanted, tuple):
        assert got == wanted
        return
    for a, b in zip(got, wanted, strict=True):
        assert a.dtype is b.dtype and a.shape == b.shape
        np.testing.assert_array_equal(a.float().numpy(), b.float().numpy())


def here(index, x):
    return index.to(x.device)


def written(x):
    x = x.clone()
    x[here(PLACES, x)] = 3
    x[x[:, :, 0] > 0] = 1.0
    x[0, :, 1] = 5
    return x


INDEXING = {
    "rows": lambda x: x[here(PLACES, x)], "middle": lambda x: x[:, here(PLACES, x)],
    "apart": lambda x: x[here(PLACES, x), :, here(PLACES, x)], "mask": lambda x: x[x[:, :, 0] > 0],
    "whole mask": lambda x: x[x > 0], "outside": lambda x: x[here(tritorch.tensor([1, 7]), x)],
    "strided": lambda x: x.transpose(0, 2)[::2, 1:][here(TWICE, x)], "written": written,
    "gather": lambda x: x.gather(1, here(ALONG, x)), "gather outside": lambda x: x.gather(1, here(ALONG + 5, x)),
    "select": lambda x: x.index_select(1, here(TWICE, x)), "negative": lambda x: x.index_select(1, here(PLACES, x)),
    "take": lambda x: x.take(here(PLACES, x)), "take outside": lambda x: x.take(here(PLACES + 99, x)),
    "fill": lambda x: x.index_fill(0, here(TWICE, x), 3.0), "scatter": lambda x: x.scatter(1, here(ALONG, x), 2.0),
    "scatter outside": lambda x: x.scatter(1, here(ALONG - 1, x), 2.0), "masked": lambda x: x.masked_select(x > 0),
    "where": lambda x: tritorch.where(x > 0), "nonzero": lambda x: (x > 0).nonzero(),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "uint8"])
@pytest.mark.parametrize("name", INDEXING)
def test_indexing(name, dtype):
    same(INDEXING[name], CUBE, dtype=getattr(tritorch, dtype))


@pytest.mark.parametrize("itself", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_reduced_where_places_come_twice(reduce, itself):
    same(lambda x, v: x.scatter_reduce(1, here(ALONG, x), v, reduce, include_self=itself), CUBE, (1, 3, 2))
    if reduce != "sum":
        same(lambda x, v: x.index_reduce(1, here(TWICE, x), v, reduce, include_self=itself), CUBE, CUBE)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_added_where_places_come_twice(dtype):
    dtype = getattr(tritorch, dtype)
    same(lambda x, v: x.index_add(0, here(TWICE, x), v), CUBE, CUBE, dtype=dtype)
    same(lambda x, v: x.index_add(2, here(TWICE, x), v, alpha=2), CUBE, (3, 3, 3), dtype=dtype)
    same(lambda x, v: x.scatter_add(1, here(ALONG, x), v), CUBE, (1, 3, 2), dtype=dtype)
    same(lambda x, v: x.index_put((here(PLACES, x),), v, True), CUBE, (4, 3, 6), dtype=dtype)
    if dtype is not tritorch.float16:  # which the CPU rounds at each step, and the device once
        same(lambda x, v: x.put(here(TWICE, x), v, True), CUBE, (3,), dtype=dtype)
    same(lambda x, v: x.index_copy(0, here(tritorch.tensor([2, 0]), x), v), CUBE, (2, 3, 6), dtype=dtype)


SHAPES = {
    "cat": lambda x: tritorch.cat([x, x[:1]]), "stack": lambda x: tritorch.stack([x, x], 1),
    "repeat": lambda x: x.repeat(2, 1, 2), "interleave": lambda x: x.repeat_interleave(here(TWICE, x), 0),
    "roll": lambda x: x.roll(1), "roll dims": lambda x: x.roll((1, -1), (0, 1)), "flip": lambda x: x.flip(0, 1),
    "rot90": lambda x: x.rot90(), "diag": lambda x: x.diag(), "diag_embed": lambda x: x.diag_embed(),
    "tril": lambda x: x.tril(), "triu": lambda x: x.triu(1), "block_diag": lambda x: tritorch.block_diag(x, x[0]),
    "unfold": lambda x: x.unfold(1, 2, 1), "as_strided": lambda x: x.as_strided((2, 2), (1, 1)),
    "split": lambda x: tuple(x.split(2, 1)), "unequal": lambda x: tritorch.cat([x, x[:, 1:]]),
    "combinations": lambda x: tritorch.combinations(x[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    same(SHAPES[name], SHEET)


ORDER = {
    "sort": lambda x: tuple(x.sort(1)), "down": lambda x: tuple(x.sort(0, True)), "argsort": lambda x: x.argsort(),
    "topk": lambda x: tuple(x.topk(2)), "smallest": lambda x: tuple(x.topk(2, 0, False)),
    "kthvalue": lambda x: tuple(x.kthvalue(2)), "median": lambda x: tuple(x.median(1)),
    "nanmedian": lambda x: tuple(x.nanmedian(1, True)), "msort": lambda x: x.msort(),
    "searchsorted": lambda x: tritorch.searchsorted(x.detach().sort(1)[0], x.detach()),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int16", "bfloat16"])
@pytest.mark.parametrize("name", ORDER)
def test_order(name, dtype):
    same(ORDER[name], SHEET, dtype=getattr(tritorch, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
def test_long_rows_keep_equals_in_order(dtype):
    tritorch.manual_seed(0)
    x = (tritorch.rand(2, 300) * 20).floor().to(getattr(tritorch, dtype))
    if x.is_floating_point():
        x[0, :5] = float("nan")
        x[1, :5] = -0.0
    for down in (False, True):
        assert x.cuda().argsort(1, down).tolist() == x.argsort(1, down).tolist()


ROWS = tritorch.tensor([True, False, True, True])
SCATTERS = {
    "masked_scatter": (lambda x, y: x.masked_scatter(ROWS.to(x.device), y), (3, 4), (12,)),
    "wider": (lambda x, y: x.masked_scatter((x > 0).expand(3, 2, 4), y), (2, 4), (24,)),
    "strided in place": (lambda x, y: x.clone().t().masked_scatter_(ROWS.to(x.device)[:, None], y), (3, 4), (9,)),
    "just enough": (lambda x, y: x.masked_scatter(ROWS.to(x.device), y), (4,), (3,)),
    "too few": (lambda x, y: x.masked_scatter(ROWS.to(x.device), y), (3, 4), (8,)),
    "nothing": (lambda x, y: x.masked_scatter(ROWS.to(x.device), y), (0, 4), (0,)),
    "select_scatter": (lambda x, y: tritorch.select_scatter(x, y, 1, -1), (3, 4), (3,)),
    "slice_scatter": (lambda x, y: tritorch.slice_scatter(x.t(), y, 0, 1, None, 2), (3, 4), (2, 3)),
    "diagonal_scatter": (lambda x, y: tritorch.diagonal_scatter(x, y, -1), (3, 4), (2,)),
    "as_strided_scatter": (lambda x, y: tritorch.as_strided_scatter(x, y, (2, 2), (1, 5), 1), (3, 4), (2, 2)),
    "another shape": (lambda x, y: tritorch.select_scatter(x, y, 1, 0), (3, 4), (4,)),
    "isin": (lambda x, y: tritorch.isin(x.round(), y.round()), (3, 40), (7,)),
    "isin none": (lambda x, y: tritorch.isin(x, y, invert=True), (3, 4), (0,)),
    "isin a number": (lambda x, y: tritorch.isin(x.round(), 2), (3, 40), (1,)),
    "index_add of nothing": (lambda x, y: x.index_add(0, TWICE.to(x.device), y), (3, 0), (3, 0)),
}


@pytest.mark.parametrize("dtype", [tritorch.float32, tritorch.float64, tritorch.bfloat16, tritorch.int32], ids=str)
@pytest.mark.parametrize("name", SCATTERS)
def test_elements_put_where_a_mask_or_a_window_says(name, dtype):
    function, *shapes = SCATTERS[name]
    same(function, *shapes, dtype=dtype)


def test_nan_is_in_nothing():
    x = tritorch.tensor([1.0, float("nan")], device="cuda")
    assert tritorch.isin(x, x).tolist() == [True, False]


@pytest.mark.parametrize("shape, wrap", [((3, 5), False), ((9, 2), True), ((9, 2), False), ((3, 3, 3), False)], ids=str)
def test_diagonals_are_filled(shape, wrap):
    same(lambda x: x.clone().fill_diagonal_(7, wrap), shape)
    same(lambda x: x.clone().t().fill_diagonal_(7, wrap) if x.ndim == 2 else x, shape)
