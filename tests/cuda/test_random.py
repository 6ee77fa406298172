"""Random numbers on the device: those of the CPU for the same seed; generators, seeds and states of each device.

Double precision is compared to 1e-14 where host and device take other libraries' logarithms and tangents.
"""

import pickle

import numpy as np
import pytest

import tritorch

FLOATS = [tritorch.float32, tritorch.float64, tritorch.float16, tritorch.bfloat16]
INTEGERS = [tritorch.int64, tritorch.int32, tritorch.int8, tritorch.uint8]


def drawn(function, place):
    """What two calls in a row give after a seed."""
    tritorch.manual_seed(7)
    return [function(place).cpu() for _ in range(2)]


def same(function, rounding=0.0):
    for host, device in zip(drawn(function, "cpu"), drawn(function, "cuda"), strict=True):
        assert host.dtype is device.dtype and host.shape == device.shape
        a, b = host.double().numpy(), device.double().numpy()
        np.testing.assert_allclose(b, a, rtol=rounding, atol=rounding)


def odds(dtype, place):
    return tritorch.linspace(0, 1, 103, dtype=dtype).to(place)


FILLS = {  # name -> filled tensor, and whether double precision is exact
    "rand": (lambda dtype, place: tritorch.rand(3, 335, dtype=dtype, device=place), True),
    "uniform_": (lambda d, p: tritorch.empty(40, 5, dtype=d, device=p).t().uniform_(-3.3, 7.7), True),
    "randn": (lambda d, p: tritorch.randn(1003, dtype=d, device=p), False),
    "normal_": (lambda d, p: tritorch.empty(6, 5, dtype=d, device=p)[:, ::2].normal_(3.0, 0.5), False),
    "exponential_": (lambda d, p: tritorch.empty(1003, dtype=d, device=p).exponential_(2.5), False),
    "cauchy_": (lambda d, p: tritorch.empty(103, dtype=d, device=p).cauchy_(1, 2), False),
    "geometric_": (lambda d, p: tritorch.empty(103, dtype=d, device=p).geometric_(0.3), True),
    "random_": (lambda d, p: tritorch.empty(103, dtype=d, device=p).random_(), True),
    "bernoulli_": (lambda d, p: tritorch.empty(103, dtype=d, device=p).bernoulli_(0.3), True),
    "bernoulli": (lambda d, p: tritorch.bernoulli(odds(d, p)), True),
    "bernoulli_ of a tensor": (lambda d, p: tritorch.empty(103, dtype=d, device=p).bernoulli_(odds(d, p)), True),
    "dropout": (lambda d, p: tritorch.nn.functional.dropout(odds(d, p), 0.3), True),
    "dropout2d": (lambda d, p: tritorch.nn.functional.dropout2d(tritorch.ones(4, 5, 3, 3, dtype=d).to(p), 0.3), True),
    "rrelu": (lambda d, p: tritorch.nn.functional.rrelu(odds(d, p) - 1, 0.1, 0.3, True), True),
}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", FILLS)
def test_floats_are_those_of_the_cpu(name, dtype):
    function, exact = FILLS[name]
    same(lambda place: function(dtype, place), 0.0 if exact or dtype is not tritorch.float64 else 1e-14)


def test_logarithms_of_normals_agree_to_rounding():
    same(lambda place: tritorch.empty(103, device=place).log_normal_(), 1e-6)
    same(lambda place: tritorch.normal(odds(tritorch.float32, place), 2.0), 1e-6)
    same(lambda place: tritorch.normal(1.0, odds(tritorch.float64, place)), 1e-14)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers_are_those_of_the_cpu(dtype):
    same(lambda place: tritorch.empty(103, dtype=dtype, device=place).random_())
    same(lambda place: tritorch.randint(3, 100, (103,), dtype=dtype, device=place))
    same(lambda place: tritorch.empty(103, dtype=dtype, device=place).geometric_(0.3))


def test_wide_integers_and_empty_fills():
    same(lambda place: tritorch.randint(-(2**60), 2**61, (103,), device=place))
    same(lambda place: tritorch.empty(103, dtype=tritorch.int64, device=place).random_(-(2**63), 2**63 - 1))
    same(lambda place: tritorch.rand(0, 3, device=place))
    same(lambda place: tritorch.rand((), device=place))


@pytest.mark.parametrize("n", [0, 1, 5, 1000])
def test_permutations_are_those_of_the_cpu(n):
    same(lambda place: tritorch.randperm(n, device=place))
    same(lambda place: tritorch.randperm(n, dtype=tritorch.int32, device=place))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("shape", [(7,), (3, 1500)], ids=str)
def test_choices_are_those_of_the_cpu(dtype, shape):
    def weights(place):
        made = tritorch.rand(shape, generator=tritorch.Generator().manual_seed(5)).mul(9).to(dtype)
        made[..., 2:4] = 0
        return made.to(place)

    same(lambda place: tritorch.multinomial(weights(place), 40, replacement=True))
    same(lambda place: tritorch.multinomial(weights(place), 5))
    chosen = tritorch.multinomial(weights("cuda"), 5)
    assert chosen.is_cuda and not ((chosen == 2) | (chosen == 3)).any()


def test_weights_that_cannot_be_chosen_by():
    for weights, text in [([1.0, -1], "element < 0"), ([1, float("nan")], "element < 0"), ([0.0, 0], "sum of prob")]:
        with pytest.raises(RuntimeError, match=text):
            tritorch.multinomial(tritorch.tensor(weights, device="cuda"), 1)


@pytest.mark.parametrize("like", [tritorch.rand_like, tritorch.randn_like, lambda x: tritorch.randint_like(x, 9)])
def test_what_is_drawn_like_a_tensor_is_where_that_is(like):
    same(lambda place: like(tritorch.ones(5, device=place)))
    assert like(tritorch.ones(5, device="cuda")).is_cuda


def test_a_generator_of_the_device():
    make = lambda place: tritorch.Generator(place).manual_seed(11)
    host, device = make("cpu"), make("cuda")
    assert device.device.type == "cuda" and device.initial_seed() == 11
    first = tritorch.rand(9, generator=device, device="cuda").cpu()
    assert tritorch.equal(first, tritorch.rand(9, generator=host))
    other = pickle.loads(pickle.dumps(device))
    assert other.device == device.device
    a, b = (tritorch.randn(5, generator=g, device="cuda").cpu() for g in (device, other))
    assert tritorch.equal(a, b)
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"):
        tritorch.rand(3, generator=host, device="cuda")
    with pytest.raises(RuntimeError, match="Expected a 'cpu' device type for generator but found 'cuda'"):
        tritorch.rand(3, generator=device)


def test_each_device_has_a_stream_of_its_own():
    draw = lambda: tritorch.rand(4, device="cuda").cpu()
    tritorch.manual_seed(3)
    first = draw()
    tritorch.manual_seed(3)
    tritorch.rand(100)
    assert tritorch.equal(draw(), first)
    tritorch.cuda.manual_seed(3)
    assert tritorch.cuda.initial_seed() == 3 and tritorch.equal(draw(), first)
    tritorch.cuda.manual_seed_all(3)
    assert tritorch.equal(draw(), first)
    assert len(tritorch.cuda.default_generators) == tritorch.cuda.device_count()


def test_states_are_taken_up_again():
    state, states = tritorch.cuda.get_rng_state(), tritorch.cuda.get_rng_state_all()
    assert not state.is_cuda and state.dtype is tritorch.uint8
    first = tritorch.rand(4, device="cuda").cpu()
    tritorch.cuda.set_rng_state(state)
    assert tritorch.equal(tritorch.rand(4, device="cuda").cpu(), first)
    tritorch.cuda.set_rng_state_all(states)
    assert tritorch.equal(tritorch.rand(4, device="cuda").cpu(), first)


@pytest.mark.parametrize("devices", [None, [0]])
def test_forked_streams_leave_no_trace(devices):
    tritorch.manual_seed(1)
    wanted = [tritorch.rand(2).sum().item(), tritorch.rand(2, device="cuda").sum().item()]
    tritorch.manual_seed(1)
    with tritorch.random.fork_rng(devices):
        tritorch.rand(5), tritorch.rand(5, device="cuda")
    assert [tritorch.rand(2).sum().item(), tritorch.rand(2, device="cuda").sum().item()] == wanted


def test_a_checkpoint_draws_the_same_masks_again():
    x = tritorch.ones(200, device="cuda", requires_grad=True)
    seen = []

    def run(x):
        out = tritorch.nn.functional.dropout(x, 0.5)
        seen.append(out.detach().cpu())
        return out

    tritorch.utils.checkpoint.checkpoint(run, x, use_reentrant=False).sum().backward()
    assert tritorch.equal(x.grad.cpu(), seen[0])  # the gradient is the mask, drawn again
