"""The loops of recurrent networks: one step of each kind, one direction over time, and the stack of layers.

Sequences are rows of one matrix, all of time step 0 first, then all of step 1; ``sizes`` says how many rows each step
has. In a packed sequence they fall, as short sequences end; otherwise they are all the batch size.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from .. import _api as tt
from ..tensor import Tensor
from . import functional as F

State = tuple[Tensor, ...]
Step = Callable[[Tensor, State], State]


def lstm_step(gates: Tensor, cell: Tensor) -> State:
    """The next hidden and cell state from the sums at the four gates, ``(N, 4 H)``."""
    i, f, g, o = gates.chunk(4, 1)
    cell = tt.sigmoid(f) * cell + tt.sigmoid(i) * tt.tanh(g)
    return tt.sigmoid(o) * tt.tanh(cell), cell


def gru_step(from_input: Tensor, from_hidden: Tensor, hidden: Tensor) -> State:
    """The next hidden state from what input and hidden state add to the three gates, ``(N, 3 H)`` each."""
    size = hidden.size(1)
    input_rz, input_n = from_input.split([2 * size, size], 1)
    hidden_rz, hidden_n = from_hidden.split([2 * size, size], 1)
    r, z = tt.sigmoid(input_rz + hidden_rz).chunk(2, 1)
    n = tt.tanh(input_n + r * hidden_n)
    return (n + z * (hidden - n),)


def rnn_step(sums: Tensor, mode: str) -> State:
    """The next hidden state from its sums, ``(N, H)``."""
    return (tt.tanh(sums) if mode == "RNN_TANH" else tt.relu(sums),)


def _step_of(mode: str, w_hh: Tensor, b_hh: Tensor | None, w_hr: Tensor | None) -> Step:
    """What one time step does with the part that the input gives, in which ``b_hh`` is, but for a GRU."""
    w_hh = w_hh.t()

    def lstm(x: Tensor, state: State) -> State:
        hidden, cell = lstm_step(tt.addmm(x, state[0], w_hh), state[1])
        return (hidden if w_hr is None else F.linear(hidden, w_hr)), cell

    def gru(x: Tensor, state: State) -> State:
        sums = tt.mm(state[0], w_hh) if b_hh is None else tt.addmm(b_hh, state[0], w_hh)
        return gru_step(x, sums, state[0])

    def rnn(x: Tensor, state: State) -> State:
        return rnn_step(tt.addmm(x, state[0], w_hh), mode)

    return {"LSTM": lstm, "GRU": gru}.get(mode, rnn)


def _over_time(step: Step, x: Tensor, initial: State, sizes: Sequence[int], reverse: bool) -> tuple[Tensor, State]:
    """The hidden states of all steps, as rows, and the state after each sequence's last step."""
    parts = x.split(list(sizes), 0)
    outputs: list[Tensor] = [x] * len(parts)
    ended: list[State] = []  # of sequences that are over, the shortest first
    state = initial if not reverse else tuple(s[: sizes[-1]] for s in initial)
    for t in reversed(range(len(parts))) if reverse else range(len(parts)):
        running = state[0].size(0)
        if sizes[t] < running:
            ended.append(tuple(s[sizes[t] :] for s in state))
            state = tuple(s[: sizes[t]] for s in state)
        elif sizes[t] > running:
            state = tuple(tt.cat([s, first[running : sizes[t]]]) for s, first in zip(state, initial, strict=True))
        state = step(parts[t], state)
        outputs[t] = state[0]
    if ended:
        state = tuple(tt.cat(pieces) for pieces in zip(state, *reversed(ended), strict=True))
    return tt.cat(outputs), state


def _direction(mode: str, x: Tensor, initial: State, weights: Sequence[Tensor], sizes, reverse: bool, has_bias: bool):
    """One layer in one direction. One product makes the input's part of all steps."""
    w_ih, w_hh, *rest = weights
    b_ih, b_hh = rest[:2] if has_bias else (None, None)
    w_hr = rest[-1] if len(rest) % 2 else None
    bias = b_ih if mode == "GRU" or b_ih is None else b_ih + b_hh
    return _over_time(_step_of(mode, w_hh, b_hh, w_hr), F.linear(x, w_ih, bias), initial, sizes, reverse)


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
    bounds = range(0, len(weights) + 1, directions)
    for start, stop in pairwise(bounds):
        outputs = []
        for index in range(start, stop):
            output, state = _direction(mode, x, states[index], weights[index], sizes, index > start, has_bias)
            outputs.append(output)
            last.append(state)
        x = outputs[0] if directions == 1 else tt.cat(outputs, 1)
        if dropout and stop < len(weights):
            x = F.dropout(x, dropout, True)
    return x, tuple(tt.stack(kind) for kind in zip(*last, strict=True))
