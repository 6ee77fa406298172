"""Square brackets and index operators: literal expectations, torch's views, texts and gradients."""

import numpy as np
import pytest

import tritorch


def grid(*shape):
    return tritorch.arange(int(np.prod(shape))).reshape(shape).float()


@pytest.mark.parametrize(
    ("index", "shape"),
    [
        (0, (4, 5)),
        (slice(1, 3), (2, 4, 5)),
        ((..., None, 2), (3, 4, 1)),
        ((slice(None, None, 2), None, -1), (2, 1, 5)),
        ((), (3, 4, 5)),
        (Ellipsis, (3, 4, 5)),
        (tritorch.tensor(1), (4, 5)),
        (np.int64(1), (4, 5)),
        (slice(tritorch.tensor(1), None), (2, 4, 5)),
    ],
)
def test_basic_indices_are_views(index, shape):
    x = grid(3, 4, 5)
    part = x[index]
    assert part.shape == shape
    assert part._is_view()
    assert part._base is x
    part.zero_()
    assert x[index].sum().item() == 0


@pytest.mark.parametrize(
    ("index", "shape"),
    [
        ([0, 2], (2, 4, 5)),
        ([True, False, True], (2, 4, 5)),
        ((0, slice(None), [0, 1]), (4, 2)),  # an int is no array: the gathered dim stays in place
        (([0, 1], slice(None), [0, 1]), (2, 4)),
        (([0, 1], None, [0, 1]), (2, 1, 5)),
        ((slice(None), [[0, 1], [2, 3]]), (3, 2, 2, 5)),
        (True, (1, 3, 4, 5)),
        (False, (0, 3, 4, 5)),
        (np.array([0, 1]), (2, 4, 5)),
        (range(2), (2, 4, 5)),
        ([], (0, 4, 5)),
    ],
)
def test_advanced_indices_are_copies(index, shape):
    x = grid(3, 4, 5)
    part = x[index]
    assert part.shape == shape
    assert not part._is_view()


def test_a_mask_counts_for_its_dims():
    x = grid(3, 4, 5)
    mask = tritorch.ones(3, 4, dtype=tritorch.bool)
    assert x[mask].shape == (12, 5)
    assert x[mask, 1:2].shape == (12, 1)
    assert x[mask, 2].shape == (12,)


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        (5, IndexError, "index 5 is out of bounds for dimension 0 with size 3"),
        ((0, -9), IndexError, "index -9 is out of bounds for dimension 1 with size 4"),
        ((0, 0, 0, 0), IndexError, "too many indices for tensor of dimension 3"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        (slice(None, None, 0), ValueError, "slice step cannot be zero"),
        (1.0, IndexError, "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid"),
        ([7], IndexError, "index 7 is out of bounds for dimension 0 with size 3"),
        (
            ([0, 1], [0, 1, 2]),
            IndexError,
            "shape mismatch: indexing tensors could not be broadcast together with shapes",
        ),
        (
            [True, False],
            IndexError,
            "The shape of the mask [2] at index 0 does not match the shape of the indexed tensor [3, 4, 5] at index 0",
        ),
        (tritorch.tensor([0.5]), IndexError, "tensors used as indices must be long, int, byte or bool tensors"),
    ],
)
def test_error_texts(index, error, text):
    with pytest.raises(error) as caught:
        grid(3, 4, 5)[index]
    assert text in str(caught.value)


def test_a_0_dim_tensor_has_no_parts():
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor"):
        tritorch.tensor(1)[0]
    with pytest.raises(IndexError, match=r"slice\(\) cannot be applied to a 0-dim tensor"):
        tritorch.tensor(1)[:]


def test_writing():
    x = tritorch.zeros(2, 3)
    x[0] = 1
    x[:, 2] = tritorch.tensor([7.0, 8.0])
    x[1, [0, 1]] = tritorch.tensor([5.0, 6.0])
    x[x == 1] = -1
    assert x.tolist() == [[-1, -1, 7], [5, 6, 8]]
    assert x._version == 4


def test_writing_converts_numbers_as_torch_does():
    x = tritorch.zeros(2, dtype=tritorch.int32)
    x[0] = 1.9
    assert x.tolist() == [1, 0]
    with pytest.raises(RuntimeError, match="value cannot be converted to type int8_t without overflow"):
        x.char()[0] = 300
    with pytest.raises(TypeError, match=r"can't assign a list to a tritorch\.IntTensor"):
        x[0] = [1]


def test_writing_refuses_another_dtype_where_it_scatters():
    with pytest.raises(RuntimeError, match="Index put requires the source and destination dtypes match"):
        grid(3)[[0, 1]] = tritorch.tensor([1, 2])


def test_gradients_pass_through_a_write():
    x = grid(2, 3).requires_grad_()
    v = tritorch.ones(3, requires_grad=True)
    y = x * 2
    y[0] = v * 3
    y[:, [0, 0]].sum().backward()
    assert x.grad.tolist() == [[0, 0, 0], [4, 0, 0]]
    assert v.grad.tolist() == [6, 0, 0]


def test_an_index_that_comes_twice_is_added_twice():
    x = grid(3, 2).requires_grad_()
    x[[0, 0, 2]].sum().backward()
    assert x.grad.tolist() == [[2, 2], [0, 0], [1, 1]]


def test_an_index_that_was_changed_is_noticed():
    x = grid(3).requires_grad_()
    i = tritorch.tensor([0, 1])
    y = x[i]
    i[0] = 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_scatter_reduce_of_extrema_shares_ties():
    x = tritorch.zeros(2, requires_grad=True)
    src = tritorch.tensor([1.0, 1.0, -1.0], requires_grad=True)
    x.scatter_reduce(0, tritorch.tensor([0, 0, 1]), src, "amax").sum().backward()
    assert src.grad.tolist() == [0.5, 0.5, 0.0]
    assert x.grad.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("half", [tritorch.float16, tritorch.bfloat16])
def test_sums_of_half_precision_are_rounded_once(half):
    ones = tritorch.ones(4096, dtype=half)
    total = tritorch.zeros(1, dtype=half).index_add(0, tritorch.zeros(4096, dtype=tritorch.int64), ones)
    assert total.item() == 4096
