"""Recurrent networks: layers and directions; see Note [Rows of time steps] for how sequences lie in memory."""

from collections.abc import Sequence
from itertools import pairwise

from .. import _api as tt
from ..op import ops
from ..tensor import Tensor
from . import functional as F

State = tuple[Tensor, ...]


def lstm_step(gates: Tensor, cell: Tensor) -> State:
    """The next hidden and cell state from the sums at the four gates, ``(N, 4 H)``."""
    i, f, g, o = gates.chunk(4, 1)
    cell = tt.sigmoid(f) * cell + tt.sigmoid(i) * tt.tanh(g)
    return tt.sigmoid(o) * tt.tanh(cell), cell


def gru_step(from_input: Tensor, from_hidden: Tensor, hidden: Tensor) -> State:
    """The next hidden state from what input and hidden state add to the three gates, ``(N, 3 H)`` each."""
    x_r, x_z, x_n = from_input.chunk(3, 1)
    h_r, h_z, h_n = from_hidden.chunk(3, 1)
    n = tt.tanh(x_n + tt.sigmoid(x_r + h_r) * h_n)
    return (n + tt.sigmoid(x_z + h_z) * (hidden - n),)


def rnn_step(sums: Tensor, mode: str) -> State:
    """The next hidden state from its sums, ``(N, H)``."""
    return (tt.tanh(sums) if mode == "RNN_TANH" else tt.relu(sums),)


def _direction(mode: str, x: Tensor, initial: State, weights: Sequence[Tensor], sizes, reverse: bool, has_bias: bool):
    """One layer in one direction: rows of outputs, and the last states. One product makes the input's part of all."""
    w_ih, w_hh, *rest = weights
    b_ih, b_hh = rest[:2] if has_bias else (None, None)
    w_hr = rest[-1] if len(rest) % 2 else None
    if mode == "GRU":
        output, hidden, *_ = ops.gru_sequence(F.linear(x, w_ih, b_ih), *initial, w_hh, b_hh, sizes, reverse)
        return output, (hidden,)
    x = F.linear(x, w_ih, None if b_ih is None else b_ih + b_hh)
    if mode == "LSTM":
        output, hidden, cell, *_ = ops.lstm_sequence(x, *initial, w_hh, w_hr, sizes, reverse)
        return output, (hidden, cell)
    output, hidden = ops.rnn_sequence(x, *initial, w_hh, mode == "RNN_RELU", sizes, reverse)
    return output, (hidden,)


def run(
    mode: str,
    x: Tensor,
    initial: State,
    weights: Sequence[Sequence[Tensor]],
    sizes: Sequence[int],
    has_bias: bool,
    directions: int,
    dropout: float,
) -> tuple[Tensor, State]:
    """All layers of a recurrent network.

    Args:
        mode (str): ``"LSTM"``, ``"GRU"``, ``"RNN_TANH"`` or ``"RNN_RELU"``.
        x (Tensor): the sequences, ``(sum(sizes), input size)``.
        initial (tuple of Tensor): hidden state, and for an LSTM cell state, ``(layers directions, N, H)`` each.
        weights: for each layer and direction ``w_ih, w_hh``, ``b_ih, b_hh`` if ``has_bias``, and ``w_hr`` if projected.
        sizes (list of int): how many rows of ``x`` each time step has.
        has_bias (bool): whether there are biases.
        directions (int): 1, or 2 if bidirectional.
        dropout (float): the probability of a zero between layers; 0 in evaluation.

    Returns:
        the outputs of the last layer, ``(sum(sizes), directions H)``, and the last states, as ``initial``.
    """
    states = list(zip(*(state.unbind(0) for state in initial), strict=True))
    last: list[State] = []
    for start, stop in pairwise(range(0, len(weights) + 1, directions)):
        outputs = []
        for index in range(start, stop):
            output, state = _direction(mode, x, states[index], weights[index], sizes, index > start, has_bias)
            outputs.append(output)
            last.append(state)
        x = outputs[0] if directions == 1 else tt.cat(outputs, 1)
        if dropout and stop < len(weights):
            x = F.dropout(x, dropout, True)
    return x, tuple(tt.stack(kind) for kind in zip(*last, strict=True))
