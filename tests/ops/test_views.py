"""Windows and their memory: what shares, what copies, what may be written."""

import pytest

import tritorch


def test_reshape_is_a_view_where_there_is_one():
    x = tritorch.zeros(2, 3)
    assert x.reshape(6)._is_view()
    assert not x.t().reshape(6)._is_view()
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.t().view(6)


@pytest.mark.parametrize("name", ["size", "shape"])
def test_sizes_by_keyword(name):
    x = tritorch.zeros(size=(2, 3))
    assert (x.view(size=(6,)) if name == "size" else tritorch.reshape(x, shape=(6,))).shape == (6,)


def test_what_is_handed_back_itself():
    x = tritorch.zeros(3)
    for y in (
        x.contiguous(),
        x.ravel(),
        x.flatten(),
        x.conj(),
        x.real,
        x.to(x.dtype),
        x.float(),
        tritorch.atleast_1d(x),
    ):
        assert y is x
    assert x.clone() is not x
    assert x.to(x.dtype, copy=True) is not x


def test_parts_of_complex_numbers_are_windows():
    z = tritorch.tensor([1 + 2j, 3 + 4j])
    z.real[0] = 5
    z.imag = tritorch.tensor([6.0, 7.0])
    tritorch.view_as_real(z)[1, 0] = 8
    assert z.tolist() == [5 + 6j, 8 + 7j]


def test_a_write_through_a_part_of_a_complex_number_reaches_the_graph():
    x = tritorch.tensor([1 + 2j, 3 + 4j], requires_grad=True)
    y = x * 2
    part = y.real[1:]
    part.mul_(10)
    assert part.tolist() == [60.0]
    part.sum().backward()
    assert x.grad.tolist() == [0, 20]


def test_bytes_seen_as_another_dtype():
    x = tritorch.tensor([1.0, 2.0])
    assert x.view(tritorch.int32).tolist() == [1065353216, 1073741824]
    assert x.view(tritorch.int16).shape == (4,)
    with pytest.raises(RuntimeError, match=r"self.size\(-1\) must be divisible by 2 to view Float as Double"):
        tritorch.zeros(3).view(tritorch.float64)


def test_several_views_may_not_be_written_under_grad():
    x = tritorch.ones(4, requires_grad=True)
    first, _ = (x * 1).chunk(2)
    with pytest.raises(RuntimeError, match="output of a function that returns multiple views"):
        first.zero_()


def test_a_view_that_was_written_has_new_history():
    x = tritorch.ones(2, 2, requires_grad=True)
    y = x * 3
    row = y[0]
    y.mul_(2)
    row.sum().backward()
    assert x.grad.tolist() == [[6, 6], [0, 0]]


def test_turned_in_place():
    x = tritorch.zeros(2, 3)
    assert x.t_() is x
    assert x.shape == (3, 2)
    assert x.unsqueeze_(0).shape == (1, 3, 2)
    assert x.squeeze_(0).transpose_(0, 1).shape == (2, 3)


@pytest.mark.parametrize("of_a_view", [False, True])
def test_turning_in_place_is_recorded(of_a_view):
    x = tritorch.arange(6.0).reshape(1, 2, 3).requires_grad_()
    y = x * 2
    part = y[:, :, 1:] if of_a_view else y
    version = part._version
    part.squeeze_(0).t_()
    assert part._version == version + 2
    (part * tritorch.arange(part.numel()).reshape(part.shape)).sum().backward()
    expected = [[0, 0, 4], [0, 2, 6]] if of_a_view else [[0, 4, 8], [2, 6, 10]]
    assert x.grad[0].tolist() == expected


def test_expanded_memory_is_not_written():
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        tritorch.zeros(1).expand(3)[...] = 1


def test_as_strided_adds_up_what_it_shows_twice():
    x = tritorch.arange(3.0, requires_grad=True)
    x.as_strided((2, 2), (1, 1)).sum().backward()
    assert x.grad.tolist() == [1, 2, 1]
    with pytest.raises(RuntimeError, match="out of bounds for storage of size 12"):
        x.as_strided((4,), (1,))


@pytest.mark.parametrize(
    ("given", "dtype"),
    [((3,), "int64"), ((0, 1, 0.5), "float32"), ((tritorch.tensor(3.0),), "float32"), ((True,), "int64")],
)
def test_the_dtype_of_a_range(given, dtype):
    assert tritorch.arange(*given).dtype.name == dtype


def test_numbers_that_a_dtype_cannot_hold():
    with pytest.raises(RuntimeError, match="value cannot be converted to type int8_t without overflow"):
        tritorch.full((2,), 300, dtype=tritorch.int8)
    assert tritorch.full((1,), -1, dtype=tritorch.uint8).item() == 255


def test_new_tensors_keep_the_layout_of_their_model():
    x = tritorch.zeros(2, 3).t()
    assert tritorch.empty_like(x).stride() == x.stride() == (1, 3)
    assert tritorch.ones_like(x, memory_format=tritorch.contiguous_format).stride() == (2, 1)
    assert tritorch.zeros(2, 1, 3).expand(2, 4, 3).permute(2, 0, 1).clone().stride() == (4, 12, 1)


def test_detach_in_place():
    x = tritorch.ones(2, requires_grad=True)
    y = x * 2
    assert y.detach_() is y
    assert y.is_leaf
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        x[0].detach_()
