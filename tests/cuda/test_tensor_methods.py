"""What surrounds the operators, for tensors of a device: files, pickles, copies, printing, storages, modules, optimizers."""

import copy
import io
import pickle
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest

import tritorch
from tritorch import nn
from tritorch.utils.data import DataLoader, TensorDataset


def six(**options):
    return tritorch.arange(6.0, device="cuda", **options)


def saved(value):
    file = io.BytesIO()
    tritorch.save(value, file)
    file.seek(0)
    return file


def test_files_keep_the_device_and_what_is_shared():
    x = six().reshape(2, 3)
    back = tritorch.load(saved({"x": x, "column": x[:, 1], "bits": x.view(tritorch.int32)}))
    assert all(v.is_cuda for v in back.values()) and tritorch.equal(back["x"], x)
    back["x"][0, 1] = 9
    assert back["column"].tolist() == [9, 4]


@pytest.mark.parametrize(
    "where", ["cpu", tritorch.device("cpu"), {"cuda:0": "cpu"}, lambda tensor, place: tensor],
    ids=["name", "device", "table", "function"],
)  # fmt: skip
def test_files_are_loaded_elsewhere(where):
    assert not tritorch.load(saved(six()), map_location=where).is_cuda
    assert tritorch.load(saved(tritorch.ones(2)), map_location="cuda").is_cuda


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_twins_have_memory_of_their_own_and_share_what_was_shared(twin):
    x = six().reshape(2, 3)
    a, b = twin([x, x.t()[1:]])
    assert a.is_cuda and b.is_cuda and a.data_ptr() != x.data_ptr() and b.stride() == (1, 3)
    a.zero_()
    assert b.sum().item() == 0 and x.sum().item() == 15
    leaf = twin(six(requires_grad=True))
    assert leaf.is_cuda and leaf.requires_grad and leaf.is_leaf
    assert isinstance(twin(nn.Parameter(six())), nn.Parameter)
    assert twin(tritorch.empty(0, 3, device="cuda")).shape == (0, 3)
    assert twin(tritorch.full((2,), 1j, device="cpu").cuda()).tolist() == [1j, 1j]


def test_printing_and_values():
    assert repr(tritorch.arange(3.0, device="cuda")) == "tensor([0., 1., 2.], device='cuda:0')"
    assert repr(nn.Parameter(six()[:1])).endswith("tensor([0.], device='cuda:0', requires_grad=True)")
    assert f"{six()[2]:.2f}" == "2.00" and [float(x) for x in six()[:2]] == [0, 1] and bool(six()[1])
    for read in (lambda x: x.numpy(), np.asarray, lambda x: np.add(x, 1)):
        with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
            read(six())


def test_sharing_with_another_process_is_refused():
    with pytest.raises(RuntimeError, match=r"^CUDA error: operation not supported"):
        ForkingPickler.dumps(six())


def test_sizes_and_windows_change_in_place():
    x = six()
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    assert x.resize_(2, 5).is_cuda and x.flatten()[:6].tolist() == [0, 1, 2, 3, 4, 5]
    y = tritorch.empty(0, device="cuda").set_(x)
    assert y.data_ptr() == x.data_ptr()
    y.set_(x.untyped_storage(), 2, (2,), (1,))
    assert y.is_cuda and y.tolist() == [2, 3] and y.data_ptr() == x.data_ptr() + 8
    assert y.set_().is_cuda and y.shape == (0,)


def test_storages_and_sharing():
    x = six()
    storage = x[2:].untyped_storage()
    assert storage.is_cuda and storage.device == x.device and storage.nbytes() == 24
    assert storage.data_ptr() == x.data_ptr() and not storage.cpu().is_cuda
    assert storage.tolist() == x.cpu().untyped_storage().tolist()
    assert x.share_memory_() is x and x.is_shared() and not x.is_pinned()


def test_gradients_are_on_the_device_of_their_tensor():
    x = six(requires_grad=True)
    x.grad = tritorch.ones(6, device="cuda")
    with pytest.raises(RuntimeError, match="assigned grad has data located on a different device"):
        x.grad = tritorch.ones(6)


def test_modules_move_and_their_states_load_anywhere():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).cuda()
    host = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    host.load_state_dict(model.state_dict())
    assert not host[0].weight.is_cuda and tritorch.equal(host[0].weight, model[0].weight.cpu())
    model.load_state_dict(host.double().state_dict())
    assert model[0].weight.is_cuda and model[0].weight.dtype is tritorch.float32
    assert not copy.deepcopy(model).cpu()[1].running_mean.is_cuda
    with tritorch.device("cuda"):
        assert nn.Linear(2, 2).weight.is_cuda


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_states_of_optimizers_go_where_the_parameters_are(kind):
    make = getattr(tritorch.optim, kind)
    options = {"momentum": 0.9} if kind == "SGD" else {}
    first = nn.Parameter(six())
    optimizer = make([first], lr=0.1, **options)
    (first * first).sum().backward()
    optimizer.step()
    file, steps = saved(optimizer.state_dict()), []
    for place in ("cpu", "cuda"):
        parameter = nn.Parameter(first.detach().clone().to(place))
        optimizer = make([parameter], lr=0.1, **options)
        file.seek(0)
        optimizer.load_state_dict(tritorch.load(file, map_location="cpu"))
        parameter.grad = tritorch.ones(6, device=place)
        optimizer.step()
        steps.append(parameter.detach().cpu().numpy())
        held = [v for v in optimizer.state[parameter].values() if isinstance(v, tritorch.Tensor) and v.ndim]
        assert held and all(v.device.type == place for v in held)
    np.testing.assert_allclose(*steps, 1e-6)


def test_gradients_are_clipped_on_their_devices():
    model = nn.Linear(3, 2).cuda()
    model(tritorch.ones(4, 3, device="cuda")).sum().backward()
    whole = nn.utils.get_total_norm([p.grad for p in model.parameters()])
    assert nn.utils.clip_grad_norm_(model.parameters(), 1.0).is_cuda and whole.item() == pytest.approx(128**0.5)
    nn.utils.clip_grad_value_(model.parameters(), 0.1)
    assert model.bias.grad.tolist() == pytest.approx([0.1, 0.1])
    both = [nn.Parameter(tritorch.ones(2)), nn.Parameter(tritorch.ones(2, device="cuda"))]
    for p in both:
        p.grad = p.detach() * 1
    assert nn.utils.clip_grad_norm_(both, 1.0).item() == pytest.approx(2)
    assert all(p.grad.tolist() == pytest.approx([0.5, 0.5], rel=1e-5) for p in both)
    vector = nn.utils.parameters_to_vector(model.parameters())
    nn.utils.vector_to_parameters(vector * 0, model.parameters())
    assert vector.is_cuda and not model.weight.any()


def test_losses_are_scaled_and_steps_that_overflow_left_out():
    model, scaler = nn.Linear(3, 2).cuda(), tritorch.amp.GradScaler("cuda", init_scale=1024.0)
    optimizer, moved = tritorch.optim.SGD(model.parameters(), lr=0.1), []
    for factor in (1.0, float("inf"), 1.0):
        before = model.bias.detach().clone()
        optimizer.zero_grad()
        scaler.scale(model(tritorch.ones(4, 3, device="cuda")).sum() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
        moved.append((before - model.bias).tolist())
    assert scaler.get_scale() == 512 and pickle.loads(pickle.dumps(scaler)).get_scale() == 512
    assert moved[1] == [0, 0] and moved[0] == pytest.approx([0.4, 0.4]) == moved[2]


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_of_a_loader_are_pinned_and_go_to_the_device(workers):
    data = TensorDataset(tritorch.arange(12.0).reshape(6, 2), tritorch.arange(6))
    total = tritorch.zeros((), device="cuda")
    for rows, numbers in DataLoader(data, 2, pin_memory=True, num_workers=workers):
        assert rows.is_pinned() and numbers.is_pinned()
        total += rows.cuda(non_blocking=True).sum() + numbers.to("cuda", non_blocking=True).sum()
    assert total.item() == 66 + 15
    assert all(rows.is_cuda for (rows,) in DataLoader(TensorDataset(data[:][0].cuda()), 4))


@pytest.mark.parametrize(
    "fill", ["uniform_", "normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "eye_",
             "trunc_normal_"],
)  # fmt: skip
def test_parameters_are_initialised_as_on_the_cpu(fill):
    made = []
    for place in ("cpu", "cuda"):
        tritorch.manual_seed(1)
        made.append(getattr(nn.init, fill)(tritorch.empty(6, 4, device=place)).cpu().numpy())
    np.testing.assert_allclose(*made, 1e-5, 1e-6)


@pytest.mark.parametrize(
    "name, call",
    {
        "add": lambda x: x + x, "mul": lambda x: x * 2, "eq": lambda x: x == x, "sum": lambda x: x.sum(),
        "cat": lambda x: tritorch.cat([x, x[:1]]), "c2c": lambda x: tritorch.fft.fft(x),
        "masked_fill": lambda x: x.masked_fill(tritorch.tensor([True, False], device="cuda"), 0),
        "rand": lambda x: tritorch.rand(2, dtype=tritorch.complex64, device="cuda"),
        "matmul": lambda x: x[None] @ x[:, None], "abs": lambda x: x.abs(),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_complex_numbers_are_refused_by_name(name, call):
    with pytest.raises(NotImplementedError, match=f"^{name}: expected .* cuda"):
        call(tritorch.zeros(2, dtype=tritorch.complex64, device="cuda"))
