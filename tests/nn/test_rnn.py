"""Recurrent networks: packed as padded, directions, layers, projections, cells, checks."""

import pytest

import tritorch
from tritorch import nn
from tritorch.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)

KINDS = [nn.RNN, nn.LSTM, nn.GRU]


def states(hidden):
    return hidden if isinstance(hidden, tuple) else (hidden,)


def close(a, b):
    return tritorch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_packed_is_each_sequence_alone(kind, bidirectional, layers):
    net = kind(3, 4, layers, bidirectional=bidirectional)
    sequences = [tritorch.randn(n, 3) for n in (2, 5, 3, 5)]
    output, hidden = net(pack_sequence(sequences, enforce_sorted=False))
    for index, (sequence, packed) in enumerate(zip(sequences, unpack_sequence(output), strict=True)):
        alone, last = net(sequence)
        assert close(packed, alone)
        for ours, theirs in zip(states(hidden), states(last), strict=True):
            assert close(ours[:, index], theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_the_cell(kind):
    net, cell = kind(3, 4), {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}[kind](3, 4)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in net.state_dict().items()})
    x, state = tritorch.randn(5, 2, 3), None
    output, hidden = net(x)
    for step, row in zip(x, output, strict=True):
        state = cell(step, state)
        assert close(states(state)[0], row)
    for ours, theirs in zip(states(hidden), states(state), strict=True):
        assert close(ours[0], theirs)
    unbatched = states(cell(x[0, 0], None))[0]
    assert close(unbatched, output[0, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_state_is_carried_over(kind):
    net, x = kind(3, 4, 2), tritorch.randn(6, 2, 3)
    whole, last = net(x)
    first, state = net(x[:2])
    second, end = net(x[2:], state)
    assert close(tritorch.cat([first, second]), whole)
    assert all(close(a, b) for a, b in zip(states(end), states(last), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_batch_first_and_unbatched(kind):
    net, x = kind(3, 4), tritorch.randn(6, 2, 3)
    by_batch = kind(3, 4, batch_first=True)
    by_batch.load_state_dict(net.state_dict())
    output, hidden = net(x)
    swapped, same = by_batch(x.transpose(0, 1))
    assert close(swapped.transpose(0, 1), output)
    assert all(close(a, b) for a, b in zip(states(hidden), states(same), strict=True))
    alone, last = by_batch(x[:, 0])
    assert close(alone, output[:, 0]) and states(last)[0].shape == (1, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    net = kind(2, 3, bidirectional=True).double()
    x = tritorch.randn(3, 2, 2, dtype=tritorch.float64, requires_grad=True)
    assert tritorch.autograd.gradcheck(lambda x, *w: net(x)[0], (x, *net.parameters()))
    assert tritorch.autograd.gradgradcheck(lambda x: net(x)[0].pow(2), (x,))


def test_projection():
    net = nn.LSTM(3, 5, 2, proj_size=2, bidirectional=True)
    output, (h, c) = net(tritorch.randn(4, 2, 3))
    assert output.shape == (4, 2, 4) and h.shape == (4, 2, 2) and c.shape == (4, 2, 5)
    assert net.weight_hr_l1_reverse.shape == (2, 5) and net.weight_ih_l1.shape == (20, 4)
    assert [len(weights) for weights in net.all_weights] == [5] * 4
    assert repr(net) == "LSTM(3, 5, proj_size=2, num_layers=2, bidirectional=True)"


def test_dropout_between_layers():
    net, x = nn.GRU(3, 4, 2, dropout=1.0), tritorch.randn(5, 2, 3)
    silent = nn.GRU(3, 4, 2)
    silent.load_state_dict(net.state_dict())
    assert close(net.eval()(x)[0], silent(x)[0])
    assert not close(net.train()(x)[0], silent(x)[0])
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last recurrent layer"):
        nn.GRU(3, 4, dropout=0.5)


def test_replaced_weights_are_used():
    net, x = nn.RNN(2, 2), tritorch.randn(3, 1, 2)
    net.weight_hh_l0 = nn.Parameter(tritorch.zeros(2, 2))
    assert close(net(x)[0], tritorch.tanh(x @ net.weight_ih_l0.t() + net.bias_ih_l0 + net.bias_hh_l0))
    net.flatten_parameters()
    net.double()(x.double())


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: nn.RNN(2, 3, nonlinearity="gelu"), ValueError, "Unknown nonlinearity 'gelu'"),
        (lambda: nn.GRU(2, 3, proj_size=1), ValueError, "proj_size argument is only supported for LSTM"),
        (lambda: nn.LSTM(2, 3, proj_size=3), ValueError, "proj_size has to be smaller than hidden_size"),
        (lambda: nn.LSTM(2, 3, proj_size=-1), ValueError, "positive integer or zero"),
        (lambda: nn.LSTM(2, 3, dropout=2), ValueError, "dropout should be a number in range"),
        (lambda: nn.LSTM(2, 3, bias=1), TypeError, "bias should be of type bool, got: int"),
        (lambda: nn.LSTM(2.0, 3), TypeError, "input_size should be of type int, got: float"),
        (lambda: nn.LSTM(0, 3), ValueError, "input_size must be greater than zero"),
        (lambda: nn.LSTM(2, 3, 0), ValueError, "num_layers must be greater than zero"),
        (lambda: nn.RNNBase("X", 2, 3), ValueError, "Unrecognized RNN mode: X"),
        (lambda: nn.RNN(2, 3)(tritorch.ones(2)), ValueError, "RNN: Expected input to be 2D or 3D, got 1D tensor"),
        (lambda: nn.GRU(2, 3)(tritorch.ones(2)), ValueError, "GRU: Expected input to be 2D or 3D, got 1D instead"),
        (lambda: nn.GRU(2, 3)(tritorch.ones(2, 1, 4)), RuntimeError, "must be equal to input_size. Expected 2, got 4"),
        (lambda: nn.GRU(2, 3)(tritorch.ones(2, 1, 2).double()), ValueError, "RNN input dtype"),
        (lambda: nn.GRU(2, 3)(tritorch.ones(2, 2), tritorch.ones(1, 1, 3)), RuntimeError, "hx should also be 2-D"),
        (
            lambda: nn.GRU(2, 3)(tritorch.ones(2, 1, 2), tritorch.ones(2, 1, 3)),
            RuntimeError,
            r"Expected hidden size \(1, 1, 3\), got \[2, 1, 3\]",
        ),
        (
            lambda: nn.LSTM(2, 3)(tritorch.ones(2, 1, 2), (tritorch.ones(1, 1, 3), tritorch.ones(1, 1, 4))),
            RuntimeError,
            r"Expected hidden\[1\] size \(1, 1, 3\), got \[1, 1, 4\]",
        ),
        (
            lambda: nn.LSTM(2, 3)(tritorch.ones(2, 1, 2), (tritorch.ones(1, 3), tritorch.ones(1, 3))),
            RuntimeError,
            r"hx and cx should also be 3-D but got \(2-D, 2-D\)",
        ),
        (lambda: nn.LSTMCell(2, 3)(tritorch.ones(1, 1, 2)), ValueError, "LSTMCell: Expected input to be 1D or 2D"),
        (lambda: nn.RNNCell(2, 3, nonlinearity="x")(tritorch.ones(2)), RuntimeError, "Unknown nonlinearity: x"),
    ],
)
def test_errors(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_cell_printing():
    assert repr(nn.RNNCell(2, 3, bias=False, nonlinearity="relu")) == "RNNCell(2, 3, bias=False, nonlinearity=relu)"
    assert repr(nn.GRUCell(2, 3)) == "GRUCell(2, 3)"


def test_packing():
    padded = tritorch.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
    packed = pack_padded_sequence(padded, [2, 1, 3], batch_first=True, enforce_sorted=False)
    assert packed.data.tolist() == [4, 1, 3, 5, 2, 6] and packed.batch_sizes.tolist() == [3, 2, 1]
    assert packed.sorted_indices.tolist() == [2, 0, 1] and packed.unsorted_indices.tolist() == [1, 2, 0]
    back, lengths = pad_packed_sequence(packed, batch_first=True)
    assert tritorch.equal(back, padded) and lengths.tolist() == [2, 1, 3]
    longer, _ = pad_packed_sequence(packed, padding_value=-1, total_length=4)
    assert longer.shape == (4, 3) and longer[3].tolist() == [-1, -1, -1] and longer[1, 1].item() == -1
    assert packed.to(tritorch.float64).data.dtype is tritorch.float64 and packed.long() is packed
    assert packed.float().batch_sizes is packed.batch_sizes and packed.cpu() is packed and not packed.is_cuda
    assert PackedSequence((packed.data, packed.batch_sizes)).sorted_indices is None


def test_gradients_pass_through_packing():
    x = tritorch.randn(4, 2, 3, requires_grad=True)
    padded, _ = pad_packed_sequence(pack_padded_sequence(x, [4, 2]))
    padded.sum().backward()
    expected = tritorch.ones(4, 2, 3)
    expected[2:, 1] = 0
    assert tritorch.equal(x.grad, expected)


def test_padding():
    a, b = tritorch.tensor([1, 2, 3]), tritorch.tensor([4])
    assert pad_sequence([a, b]).tolist() == [[1, 4], [2, 0], [3, 0]]
    assert pad_sequence([a, b], True, -1, "left").tolist() == [[1, 2, 3], [-1, -1, 4]]
    rows = unpad_sequence(pad_sequence([a, b]), tritorch.tensor([3, 1]))
    assert [row.tolist() for row in rows] == [[1, 2, 3], [4]]


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda x: pack_padded_sequence(x, [1, 3]), RuntimeError, "must be sorted in decreasing order"),
        (lambda x: pack_padded_sequence(x, [3, 0]), RuntimeError, "has to be greater than 0"),
        (lambda x: pack_padded_sequence(x, [3]), RuntimeError, r"Expected `len\(lengths\)` to be equal to batch_size"),
        (lambda x: pack_padded_sequence(x, [9, 1]), RuntimeError, "lengths"),
        (lambda x: pad_packed_sequence(pack_padded_sequence(x, [3, 2]), total_length=2), ValueError, "total_length"),
        (lambda x: pad_sequence(3), RuntimeError, "Expected iterable"),
        (lambda x: pad_sequence([x], padding_side="up"), RuntimeError, "padding_side"),
    ],
)
def test_packing_errors(act, error, text):
    with pytest.raises(error, match=text):
        act(tritorch.ones(3, 2))
