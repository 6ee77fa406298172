"""Recurrent layers: one direction of one layer over all time steps, as one operator. See Note [Rows of time steps].

``x`` is what the input adds to the gates, (rows, gates * H); the loop adds what the hidden state does, by ``w_hh``.
"""

from .. import _C
from ..autograd import grad as gradient
from . import _recurrent
from ._op import Op, ops
from ._schema import Tensors


def _through_steps(steps, inputs, grads):
    """The gradients in tensor language, so that they have gradients: by running the steps again, one by one."""
    aliases = [x if x is None else x.view_as(x) for x in inputs]  # what one input's history has of another stays out
    wanted = [x for x in aliases if x is not None and x.requires_grad]
    found = iter(gradient(steps(*aliases), wanted, grads, create_graph=True, allow_unused=True))
    return tuple(next(found) if x is not None and x.requires_grad else None for x in aliases)


def _over_time(step, x, initial, sizes, reverse):
    """Rows of outputs, and the last states, of ``step(x of one step, states) -> states``."""
    parts, states = x.split(list(sizes)), list(initial)
    outputs = [None] * len(parts)
    for t in reversed(range(len(parts))) if reverse else range(len(parts)):
        news = step(parts[t], [state[: sizes[t]] for state in states])
        states = [ops.cat([new, state[sizes[t] :]]) for new, state in zip(news, states, strict=True)]
        outputs[t] = news[0]
    return [ops.cat(outputs), *states]


class lstm_sequence(
    Op, function=False, method=False, has_out=False, returns=("output", "hidden", "cell", "gates", "cells")
):
    """Long short-term memory from states :attr:`hidden0` (N, P) and :attr:`cell0` (N, H), gates i, f, g, o.

    ``w_hr``, (P, H), projects the hidden state. Beside the outputs and the last states come the gates and cell states
    of all rows, which the derivative needs.
    """

    def cpu(x, hidden0, cell0, w_hh, w_hr=None, sizes: object = (), reverse: bool = False):
        return _recurrent.lstm(x, hidden0, cell0, w_hh, w_hr, sizes, reverse)

    def d_x__hidden0__cell0__w_hh__w_hr(
        grad_output, grad_hidden, grad_cell, x, hidden0, cell0, w_hh, w_hr, sizes, reverse, output, gates, cells
    ):
        grads = (grad_output, grad_hidden, grad_cell)
        if _C.is_grad_enabled():

            def steps(x, hidden, cell, w_hh, w_hr):
                def step(x, states):
                    i, f, g, o = (x + states[0] @ w_hh.t()).chunk(4, 1)
                    cell = f.sigmoid() * states[1] + i.sigmoid() * g.tanh()
                    hidden = o.sigmoid() * cell.tanh()
                    return (hidden if w_hr is None else hidden @ w_hr.t()), cell

                return _over_time(step, x, (hidden, cell), sizes, reverse)

            return _through_steps(steps, (x, hidden0, cell0, w_hh, w_hr), grads)
        found = ops.lstm_sequence_backward(grads, hidden0, cell0, w_hh, w_hr, output, gates, cells, sizes, reverse)
        return found if w_hr is not None else (*found[:4], None)


class lstm_sequence_backward(
    Op, function=False, method=False, has_out=False, returns=("x", "hidden0", "cell0", "w_hh", "w_hr")
):
    """The gradients of :class:`lstm_sequence`; that of an absent ``w_hr`` is empty."""

    def cpu(grads: Tensors, hidden0, cell0, w_hh, w_hr, output, gates, cells, sizes: object, reverse: bool):
        return _recurrent.lstm_backward(grads, hidden0, cell0, w_hh, w_hr, output, gates, cells, sizes, reverse)


class gru_sequence(Op, function=False, method=False, has_out=False, returns=("output", "hidden", "gates", "parts")):
    """Gated recurrent units from the state :attr:`hidden0` (N, H), gates r, z, n.

    Beside the outputs and the last state come the gates, and what the state adds to n, of all rows, which the
    derivative needs.
    """

    def cpu(x, hidden0, w_hh, b_hh=None, sizes: object = (), reverse: bool = False):
        return _recurrent.gru(x, hidden0, w_hh, b_hh, sizes, reverse)

    def d_x__hidden0__w_hh__b_hh(
        grad_output, grad_hidden, x, hidden0, w_hh, b_hh, sizes, reverse, output, gates, parts
    ):
        grads = (grad_output, grad_hidden)
        if _C.is_grad_enabled():

            def steps(x, hidden, w_hh, b_hh):
                def step(x, states):
                    sums = states[0] @ w_hh.t() if b_hh is None else states[0] @ w_hh.t() + b_hh
                    (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, 1), sums.chunk(3, 1)
                    z = (x_z + h_z).sigmoid()
                    n = (x_n + (x_r + h_r).sigmoid() * h_n).tanh()
                    return (n + z * (states[0] - n),)

                return _over_time(step, x, (hidden,), sizes, reverse)

            return _through_steps(steps, (x, hidden0, w_hh, b_hh), grads)
        found = ops.gru_sequence_backward(grads, hidden0, w_hh, output, gates, parts, sizes, reverse)
        return found if b_hh is not None else (*found[:3], None)


class gru_sequence_backward(Op, function=False, method=False, has_out=False, returns=("x", "hidden0", "w_hh", "b_hh")):
    """The gradients of :class:`gru_sequence`."""

    def cpu(grads: Tensors, hidden0, w_hh, output, gates, parts, sizes: object, reverse: bool):
        return _recurrent.gru_backward(grads, hidden0, w_hh, output, gates, parts, sizes, reverse)


class rnn_sequence(Op, function=False, method=False, has_out=False, returns=("output", "hidden")):
    """``h' = tanh(x + h @ w_hh.T)``, or relu, from the state :attr:`hidden0` (N, H)."""

    def cpu(x, hidden0, w_hh, relu: bool = False, sizes: object = (), reverse: bool = False):
        return _recurrent.rnn(x, hidden0, w_hh, relu, sizes, reverse)

    def d_x__hidden0__w_hh(grad_output, grad_hidden, x, hidden0, w_hh, relu, sizes, reverse, output):
        grads = (grad_output, grad_hidden)
        if _C.is_grad_enabled():

            def steps(x, hidden, w_hh):
                def step(x, states):
                    sums = x + states[0] @ w_hh.t()
                    return (sums.relu() if relu else sums.tanh(),)

                return _over_time(step, x, (hidden,), sizes, reverse)

            return _through_steps(steps, (x, hidden0, w_hh), grads)
        return ops.rnn_sequence_backward(grads, hidden0, w_hh, output, relu, sizes, reverse)


class rnn_sequence_backward(Op, function=False, method=False, has_out=False, returns=("x", "hidden0", "w_hh")):
    """The gradients of :class:`rnn_sequence`."""

    def cpu(grads: Tensors, hidden0, w_hh, output, relu: bool, sizes: object, reverse: bool):
        return _recurrent.rnn_backward(grads, hidden0, w_hh, relu, output, sizes, reverse)
