"""Shapes, devices and the texts of common errors."""

import copy
import pickle
import re
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritorch import errors, shape
from tritorch.dtypes import float32, int64
from tritorch.runtime.device import cpu, device, get_default_device, set_default_device
from tritorch.shape import Size


def raises(kind, text):
    return pytest.raises(kind, match=f"^{re.escape(text)}$")


# --- Size ------------------------------------------------------------------------------------------------------


def test_size_stays_a_size():
    s = Size([2, 3])
    for result, expected in [
        (s + (4,), (2, 3, 4)), ((4,) + s, (4, 2, 3)), (s + s, (2, 3, 2, 3)), (s[:1], (2,)), (s * 2, (2, 3, 2, 3)),
        (2 * s, (2, 3, 2, 3)), (copy.copy(s), (2, 3)), (pickle.loads(pickle.dumps(s)), (2, 3)), (Size([True]), (1,)),
        (Size(np.array([4, 5])), (4, 5)), (Size(), ()),
    ]:  # fmt: skip
        assert type(result) is Size and result == expected
        assert all(type(item) is int for item in result)
    assert s[-1] == 3 and s == (2, 3) and hash(s) == hash((2, 3)) and [*s] == [2, 3]
    assert (repr(s), repr(Size()), s.numel(), Size().numel()) == ("tritorch.Size([2, 3])", "tritorch.Size([])", 6, 1)


def test_size_refuses():
    with raises(TypeError, "tritorch.Size() takes an iterable of 'int' (item 1 is 'float')"):
        Size([1, 2.5])
    with raises(TypeError, "can only concatenate tuple (not list) to tritorch.Size"):
        Size([1]) + [2]
    with pytest.raises(TypeError):
        [2] + Size([1])
    with pytest.raises(IndexError):
        Size([1])[1]


def test_size_args():
    assert shape.size_args((2, 3)) == shape.size_args(((2, 3),)) == shape.size_args(([2, np.int32(3)],)) == (2, 3)
    assert shape.size_args(()) == shape.size_args(((),)) == ()
    assert shape.size_args((Size([4]),)) == (4,)
    with raises(TypeError, "zeros(): argument 'size' (position 1) must be tuple of ints, not float"):
        shape.size_args((2.5,), "zeros")
    text = "zeros(): argument 'size' failed to unpack the object at pos 2 with error \"type must be tuple of ints,"
    with raises(TypeError, text + 'but got str"'):
        shape.size_args((2, "3"), "zeros")


def test_formats_are_constants():
    for constant in (shape.channels_last, shape.contiguous_format, shape.preserve_format, shape.strided):
        assert pickle.loads(pickle.dumps(constant)) is copy.deepcopy(constant) is constant
    assert repr(shape.channels_last_3d) == "tritorch.channels_last_3d" and repr(shape.strided) == "tritorch.strided"
    with pytest.raises(TypeError, match="none named 'rows_first'"):
        shape.memory_format("rows_first")


# --- Dimensions ------------------------------------------------------------------------------------------------


def test_wrap_dim():
    assert [shape.wrap_dim(d, 2) for d in (0, 1, -1, -2)] == [0, 1, 1, 0]
    assert shape.wrap_dim(0, 0) == shape.wrap_dim(-1, 0) == 0
    with raises(IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 2)"):
        shape.wrap_dim(2, 2)
    with raises(IndexError, "Dimension out of range (expected to be in range of [-1, 0], but got 1)"):
        shape.wrap_dim(1, 0)


def test_wrap_dims():
    assert shape.wrap_dims(None, 3) == shape.wrap_dims((), 3) == (0, 1, 2)
    assert shape.wrap_dims([-1, 0], 3) == (2, 0) and shape.wrap_dims(-1, 3) == (2,)
    assert shape.wrap_dims(0, 0) == shape.wrap_dims((-1,), 0) == ()
    with raises(RuntimeError, "dim 1 appears multiple times in the list of dims"):
        shape.wrap_dims((0, 1, -1), 2)
    with pytest.raises(RuntimeError, match="only tensors with up to 64 dims are supported"):
        shape.wrap_dims((0, 1), 65)


def test_reduced_shape():
    assert shape.reduced_shape((2, 3, 4), (0, 2)) == (3,)
    assert shape.reduced_shape((2, 3, 4), (0, 2), keepdim=True) == (1, 3, 1)


# --- Broadcasting ----------------------------------------------------------------------------------------------

SHAPES = st.lists(st.sampled_from([0, 1, 1, 2, 3]), max_size=4).map(tuple)


@given(st.lists(SHAPES, min_size=1, max_size=3))
@settings(deadline=None)
def test_broadcasting_agrees_with_numpy(shapes):
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        for function in (shape.broadcast, shape.broadcast_shapes):
            with pytest.raises(RuntimeError):
                function(*shapes)
    else:
        assert shape.broadcast(*shapes) == shape.broadcast_shapes(*shapes) == expected


def test_broadcast_texts():
    with raises(
        RuntimeError, "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"
    ):
        shape.broadcast((2, 3), (4,))
    with raises(
        RuntimeError,
        "Attempting to broadcast a dimension of length 4 at -1! Mismatching argument at index 1 had (2, 4); "
        "but expected shape should be broadcastable to [2, 3]",
    ):
        shape.broadcast_shapes((2, 3), (2, 4))
    with raises(ValueError, "Attempting to broadcast a dimension with negative length!"):
        shape.broadcast_shapes((2, -3), 3)
    with raises(RuntimeError, "Input shapes should be of type ints, a tuple of ints, or a list of ints, got 2.5"):
        shape.broadcast_shapes(2.5)
    assert type(shape.broadcast_shapes((2, 1), 3)) is Size and shape.broadcast_shapes() == ()


def test_expand_shape():
    assert shape.expand_shape((2, 1), (4, -1, 3)) == (4, 2, 3)
    assert shape.expand_shape((1,), (0,)) == (0,)
    with raises(
        RuntimeError,
        "The expanded size of the tensor (3) must match the existing size (2) at non-singleton dimension 0.  "
        "Target sizes: [3, 3].  Tensor sizes: [2, 3]",
    ):
        shape.expand_shape((2, 3), (3, 3))
    with raises(
        RuntimeError,
        "expand(tritorch.FloatTensor{[2, 3]}, size=[3]): the number of sizes provided (1) must be greater or equal to "
        "the number of dimensions in the tensor (2)",
    ):
        shape.expand_shape((2, 3), (3,), errors.tensor_type(float32))
    with raises(
        RuntimeError, "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension 0"
    ):
        shape.expand_shape((2, 3), (-1, 2, 3))


@given(SHAPES, SHAPES)
@settings(deadline=None)
def test_sum_to_size_reverses_expand(small, lead):
    large = lead + tuple(3 if size == 1 else size for size in small)
    dims = shape.sum_to_size_dims(large, small)
    assert np.zeros(large).sum(dims, keepdims=True).reshape(small).shape == small


def test_sum_to_size_text():
    with raises(RuntimeError, "size {[1, 2]} is not expandable to size {[2, 3]}."):
        shape.sum_to_size_dims((2, 3), (1, 2))
    with pytest.raises(RuntimeError, match="not expandable"):
        shape.sum_to_size_dims((3,), (1, 3))


# --- Strides and views -----------------------------------------------------------------------------------------


def test_contiguous_strides():
    assert shape.contiguous_strides((2, 3, 4)) == (12, 4, 1)
    assert shape.contiguous_strides((2, 3, 4), itemsize=8) == (96, 32, 8)
    assert shape.contiguous_strides((2, 3, 0)) == (3, 1, 1)
    assert shape.contiguous_strides((2, 3, 4, 5), format=shape.channels_last) == (60, 1, 15, 3)
    assert shape.contiguous_strides((2, 3, 4, 5, 6), format=shape.channels_last_3d) == (360, 1, 90, 18, 3)
    with raises(RuntimeError, "required rank 4 tensor to use channels_last format"):
        shape.contiguous_strides((2, 3), format=shape.channels_last)


def test_is_contiguous():
    assert shape.is_contiguous((2, 1, 3), (3, 99, 1)) and shape.is_contiguous((0, 3), (7, 7))
    assert not shape.is_contiguous((2, 3), (1, 2)) and not shape.is_contiguous((2, 3), (0, 1))
    assert shape.is_contiguous((2, 3, 4, 5), (60, 1, 15, 3), format=shape.channels_last)
    assert not shape.is_contiguous((2, 3), (3, 1), format=shape.channels_last)


@pytest.mark.parametrize(
    ("sizes", "numel", "expected"),
    [
        ((2, 3), 6, (2, 3)),
        ((-1, 3), 6, (2, 3)),
        ((), 1, ()),
        ((-1,), 0, (0,)),
        ((-1, 2), 0, (0, 2)),
        ((0, 5), 0, (0, 5)),
    ],
)
def test_infer_size(sizes, numel, expected):
    assert shape.infer_size(sizes, numel) == expected


@pytest.mark.parametrize(
    ("sizes", "numel", "text"),
    [
        ((2, 3), 5, "shape '[2, 3]' is invalid for input of size 5"),
        ((-1, 4), 6, "shape '[-1, 4]' is invalid for input of size 6"),
        ((-1, 0), 6, "shape '[-1, 0]' is invalid for input of size 6"),
        ((-1, -1), 6, "only one dimension can be inferred"),
        ((-2, 3), 6, "invalid shape dimension -2 at index 0 of shape [-2, 3]"),
        (
            (-1, 0),
            0,
            "cannot reshape tensor of 0 elements into shape [-1, 0] because the unspecified dimension size -1 can be "
            "any value and is ambiguous",
        ),
    ],
)
def test_infer_size_texts(sizes, numel, text):
    with raises(RuntimeError, text):
        shape.infer_size(sizes, numel)


def factorings(numel):
    """Shapes of that many elements, ones included."""
    divisors = [d for d in range(1, numel + 1) if numel % d == 0]
    return st.lists(st.sampled_from(divisors), max_size=3).map(
        lambda head: (
            (*head, numel // int(np.prod(head, dtype=int))) if numel % int(np.prod(head, dtype=int)) == 0 else (numel,)
        )
    )


@given(st.data())
@settings(deadline=None)
def test_view_strides_show_the_same_elements(data):
    base = np.arange(48)[: data.draw(st.sampled_from([1, 12, 24, 48]))]
    array = base.reshape(data.draw(factorings(base.size)))
    array = array.transpose(data.draw(st.permutations(range(array.ndim))))
    array = array[tuple(slice(None, None, data.draw(st.sampled_from([1, 1, 2]))) for _ in array.shape)]
    new = data.draw(factorings(array.size))
    strides = shape.view_strides(array.shape, array.strides, new, array.itemsize)
    if strides is not None:
        view = np.lib.stride_tricks.as_strided(array, new, strides)
        assert np.array_equal(view, array.reshape(new))
    else:  # what can't be a view is no view to NumPy either
        assert not np.shares_memory(array.reshape(new), array)


def test_view_strides_of_empty_and_0_dim():
    assert shape.view_strides((), (), (1, 1), 8) == (8, 8)
    assert shape.view_strides((0, 3), (3, 1), (0, 3)) == (3, 1)
    assert shape.view_strides((0, 3), (3, 1), (3, 0)) == (1, 1)
    assert shape.view_strides((3, 2), (1, 3), (6,)) is None
    assert "Use .reshape(...) instead." in str(shape.not_viewable())


# --- Devices ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "text", "name"),
    [
        (device("cpu"), "device(type='cpu')", "cpu"),
        (device("cpu:0"), "device(type='cpu', index=0)", "cpu:0"),
        (device("cuda"), "device(type='cuda')", "cuda"),
        (device("cuda:1"), "device(type='cuda', index=1)", "cuda:1"),
        (device("cuda", 1), "device(type='cuda', index=1)", "cuda:1"),
        (device(type="cuda", index=1), "device(type='cuda', index=1)", "cuda:1"),
        (device(1), "device(type='cuda', index=1)", "cuda:1"),
        (device(device("cuda:1")), "device(type='cuda', index=1)", "cuda:1"),
    ],
)
def test_device(made, text, name):
    assert (repr(made), str(made)) == (text, name)
    assert made is device(name) is copy.deepcopy(made) is pickle.loads(pickle.dumps(made))
    assert made.type == name.split(":")[0] and made != name and hash(made) == hash(device(name))


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("",), "Device string must not be empty"),
        (("cuda:",), "Invalid device string: 'cuda:'"),
        (("cuda:a",), "Invalid device string: 'cuda:a'"),
        (("cuda:-1",), "Invalid device string: 'cuda:-1'"),
        (("cuda:01",), "Invalid device string: 'cuda:01'"),
        (("cuda0",), "Invalid device string: 'cuda0'"),
        (("cuda:1", 1), "type (string) must not include an index because index was passed explicitly: cuda:1"),
        (("cuda", -1), "Device index must not be negative"),
        (
            ("foo",),
            "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, "
            "vulkan, mps, meta, hpu, mtia, privateuseone device type at start of device string: foo",
        ),
    ],
)
def test_device_texts(args, text):
    with raises(RuntimeError, text):
        device(*args)


def test_device_refuses_other_types():
    for args in ((2.5,), (None,), (), (True,)):
        with pytest.raises(TypeError, match=r"^device\(\) received an invalid combination of arguments - got \("):
            device(*args)
    for wrong in ("a", True):
        with pytest.raises(
            TypeError, match=r"^device\(\): argument 'index' \(position 2\) must be int, not (str|bool)$"
        ):
            device("cuda", wrong)
    with pytest.raises(AttributeError, match="not writable"):
        cpu.type = "cuda"


def test_default_device_is_the_threads_own():
    seen = []
    cuda = device("cuda:3")
    with cuda as entered:
        thread = threading.Thread(target=lambda: seen.append(get_default_device()))
        thread.start()
        thread.join()
        with device("cpu"):
            seen.append(get_default_device())
        seen.append(get_default_device())
    assert entered is cuda and seen == [cpu, cpu, cuda] and get_default_device() is cpu
    set_default_device("cuda:3")
    assert get_default_device() is cuda
    set_default_device(None)
    assert get_default_device() is cpu


# --- Errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (errors.expected_tensor("relu", "input", 1, 3), TypeError,
         "relu(): argument 'input' (position 1) must be Tensor, not int"),
        (errors.argument_type("zeros", "device", None, "device", 3.0), TypeError,
         "zeros(): argument 'device' must be device, not float"),
        (errors.not_implemented("bitwise_and", float32), NotImplementedError,
         "\"bitwise_and_cpu\" not implemented for 'Float'"),
        (errors.cant_cast(float32, int64), RuntimeError,
         "result type Float can't be cast to the desired output type Long"),
        (errors.same_dtype("dot", float32, int64, "both vectors"), RuntimeError,
         "dot : expected both vectors to have same dtype, but found Float and Long"),
        (errors.index_dtype("index_select"), RuntimeError, "index_select(): Expected dtype int32 or int64 for index"),
        (errors.same_device("add", cpu, device("cuda:0")), RuntimeError,
         "add: Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0!"),
        (errors.output_shape((2,), (3, 2)), RuntimeError,
         "output with shape [2] doesn't match the broadcast shape [3, 2]"),
        (errors.index_out_of_bounds(5, 0, 3), IndexError, "index 5 is out of bounds for dimension 0 with size 3"),
        (errors.empty_reduction("amax"), RuntimeError,
         "amax(): Expected reduction dim to be specified for input.numel() == 0. "
         "Specify the reduction dim with the 'dim' argument."),
        (errors.empty_reduction("argmax"), IndexError,
         "argmax(): Expected reduction dim to be specified for input.numel() == 0."),
        (errors.empty_reduction("max", 0), IndexError, "max(): Expected reduction dim 0 to have non-zero size."),
        (errors.not_a_scalar(2), RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"),
        (errors.ambiguous_bool(2), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
        (errors.ambiguous_bool(0), RuntimeError, "Boolean value of Tensor with no values is ambiguous"),
        (errors.invalid_combination("f", (1,), {"b": "x"}, ["(int a)"]), TypeError,
         "f() received an invalid combination of arguments - got (int, b=str), but expected (int a)"),
    ],
)  # fmt: skip
def test_error_texts(error, kind, text):
    assert type(error) is kind and str(error) == text


def test_names_in_errors():
    assert errors.tensor_type(float32) == "tritorch.FloatTensor"
    assert errors.tensor_type(int64, "cuda") == "tritorch.cuda.LongTensor"
    assert (errors.cpp_name(float32), errors.cpp_name(int64)) == ("float", "long int")
    errors.check(True, ValueError, "never")
    with raises(ValueError, "always"):
        errors.check(0, ValueError, "always")
    assert issubclass(errors.OutOfMemoryError, RuntimeError) and issubclass(errors.LinAlgError, RuntimeError)
