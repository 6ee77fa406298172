"""The random numbers of csrc/random: known answers, and the mapping that Note [Philox stream] promises."""

import numpy as np
import pytest

from tritorch import _C

# Random123, kat_vectors, philox4x32-10: counter, key, block.
KNOWN_ANSWERS = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]
SEED, OFFSET, N = 0x1234_5678_9ABC_DEF0, 2**32 - 100, 4099  # the offset crosses into the high word


def words(n: int) -> np.ndarray:
    """The first n words of the stream, one block at a time."""
    blocks = [_C.philox(SEED, 0, OFFSET + i) for i in range(-(-n // 4))]
    return np.array(blocks, np.uint64).ravel()[:n]


def draws(n: int) -> np.ndarray:
    w = words(2 * n)
    return w[0::2] << np.uint64(32) | w[1::2]


@pytest.mark.parametrize(("counter", "key", "block"), KNOWN_ANSWERS)
def test_known_answers(counter, key, block):
    low_high = [a | b << 32 for a, b in (key, counter[2:], counter[:2])]
    assert list(_C.philox(*low_high)) == block


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 511, 512, 513, N])
def test_uniform_takes_the_words_in_order(n):
    a = np.empty(n, np.float32)
    assert _C.random_uniform(a, SEED, OFFSET) == -(-n // 4)
    assert np.array_equal(a, (words(n) >> np.uint64(8)) * 2.0**-24)
    d = np.empty(n)
    assert _C.random_uniform(d, SEED, OFFSET) == -(-n // 2)
    assert np.array_equal(d, (draws(n) >> np.uint64(11)) * 2.0**-53)


@pytest.mark.parametrize("bits", [8, 11, 24])
def test_uniform_of_few_bits_stays_below_one(bits):
    a = np.empty(N, np.float32)
    _C.random_uniform(a, SEED, OFFSET, 0, 1, bits)
    assert np.array_equal(a * 2.0**bits, words(N) >> np.uint64(32 - bits))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_never_reaches_its_upper_bound(dtype):
    a = np.empty(1 << 16, dtype)
    _C.random_uniform(a, SEED, OFFSET, 1.0, np.nextafter(dtype(1), dtype(2)))
    assert np.array_equal(a, np.ones_like(a))


def test_normal_is_box_muller():
    a = np.empty(N, np.float32)
    assert _C.random_normal(a, SEED, OFFSET) == -(-N // 4)
    w = words(4 * -(-N // 4)).astype(np.float64)
    radius, angle = np.sqrt(-2 * np.log((w[0::2] + 0.5) * 2.0**-32)), 2 * np.pi * (w[1::2] + 0.5) * 2.0**-32
    expected = np.stack([radius * np.sin(angle), radius * np.cos(angle)], 1).ravel()[:N]
    assert np.abs(a - expected).max() < 3e-5  # float32 near radius zero, as curand's

    d = np.empty(N)
    assert _C.random_normal(d, SEED, OFFSET, 3.0, 2.0) == -(-N // 2)
    u = (draws(2 * -(-N // 2)) >> np.uint64(11)) * 2.0**-53 + 2.0**-54
    radius, angle = np.sqrt(-2 * np.log(u[0::2])), 2 * np.pi * u[1::2]
    expected = np.stack([radius * np.sin(angle), radius * np.cos(angle)], 1).ravel()[:N]
    np.testing.assert_allclose(d, 3 + 2 * expected, rtol=1e-12, atol=1e-12)


def test_exponential_is_positive_and_follows_the_uniform():
    a = np.empty(N, np.float32)
    _C.random_exponential(a, SEED, OFFSET, 2.0)
    u = (words(N) >> np.uint64(8)) * 2.0**-24
    np.testing.assert_allclose(a, -np.log1p(-u) / 2, rtol=1e-5, atol=1e-7)
    assert (a > 0).all()


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_mask_is_uniform_below_p(dtype, p):
    a, u = np.empty(N, dtype), np.empty(N, np.float32)
    assert _C.random_bernoulli(a, SEED, OFFSET, p) == _C.random_uniform(u, SEED, OFFSET)
    assert np.array_equal(a, (u < p).astype(dtype))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.float32, np.float64])
def test_few_integers_take_words(dtype):
    a = np.empty(N, dtype)
    low = 0 if np.dtype(dtype).kind == "u" else -5
    assert _C.random_integers(a, SEED, OFFSET, low, 11) == -(-N // 4)
    assert np.array_equal(a, (low + (words(N) * np.uint64(11) >> np.uint64(32)).astype(np.int64)).astype(dtype))


@pytest.mark.parametrize("count", [2**20 + 1, 2**40, 2**63, 2**64])
def test_many_integers_take_draws(count):
    a = np.empty(N, np.int64)
    assert _C.random_integers(a, SEED, OFFSET, -(2**63), count) == -(-N // 2)
    assert [int(x) + 2**63 for x in a[:50]] == [int(d) * count >> 64 for d in draws(50)]


@pytest.mark.parametrize("n", [0, 1, 2, 100, 4095, 4096, 100_000])
def test_permutation_sorts_the_draws(n):
    order, keys = np.empty(n, np.int64), np.empty(n, np.uint64)
    used = _C.random_permutation(order, SEED, OFFSET)
    assert used == _C.random_integers(keys, SEED, OFFSET, 0, 2**64)
    assert np.array_equal(order, np.argsort(keys, kind="stable"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fill", [_C.random_uniform, _C.random_normal])
def test_threads_change_nothing(fill, dtype):
    one, more = np.empty(1_000_003, dtype), np.empty(1_000_003, dtype)
    extra = (0, 1, 24) if fill is _C.random_uniform else (0, 1)
    assert fill(one, SEED, OFFSET, *extra, 1) == fill(more, SEED, OFFSET, *extra, 3)
    assert np.array_equal(one, more)


def test_a_stream_in_parts_is_the_stream_in_one():
    whole, parts = np.empty(4096, np.float32), np.empty(4096, np.float32)
    _C.random_uniform(whole, SEED, 7)
    offset = 7
    for part in np.split(parts, [4, 100, 612, 2000]):
        offset += _C.random_uniform(part, SEED, offset)
    assert np.array_equal(whole, parts)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: _C.random_normal(np.zeros((4, 4))[:, 1], 1, 1), TypeError),
        (lambda: _C.random_normal(np.zeros(4, np.int32), 1, 1), TypeError),
        (lambda: _C.random_uniform(np.zeros(4, np.float32), 1, 1, 0, 1, 25), ValueError),
        (lambda: _C.random_bernoulli(np.zeros(4), 1, 1, 1.5), ValueError),
        (lambda: _C.random_bernoulli(np.zeros(4), 1, 1, float("nan")), ValueError),
        (lambda: _C.random_permutation(np.zeros(4, np.int32), 1, 1), TypeError),
        (lambda: _C.random_integers([1, 2], 1, 1, 0, 2), TypeError),
    ],
)
def test_what_cannot_be_filled_is_refused(call, error):
    with pytest.raises(error):
        call()
