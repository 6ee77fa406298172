"""The loops of recurrent layers over arrays: forward, and backward by what forward kept.

Note [Rows of time steps]: the sequences of a batch are rows of one matrix, all of time step 0 first, then all of step
1. ``sizes`` says how many each step has: the batch size or, for packed sequences, falling numbers, as the short ones,
which stand last, end. A state has a row for each sequence; a step reads and writes the first of them, so that the rows
of a sequence that has ended, or has not begun when time runs backwards, stay as they are.

In the backward loops only what depends on the step before is computed step by step; the rest is computed for all steps
at once, before or afterwards. An LSTM's gates are one pass in C.
"""

from itertools import accumulate

import numpy as np

from .._C import lstm_step, lstm_step_backward, ufuncs


def in_time(sizes, reverse):
    """(rows, number of them) of each time step, in the order in which they are run."""
    ends = list(accumulate(sizes))
    steps = [(slice(end - size, end), size) for size, end in zip(sizes, ends, strict=True)]
    return steps[::-1] if reverse else steps


def before(states, initial, sizes, reverse):
    """The state that each row's step began with."""
    out = np.empty_like(states)
    current = initial.copy()
    for rows, size in in_time(sizes, reverse):
        out[rows] = current[:size]
        current[:size] = states[rows]
    return out


def _gates(array, size):
    """A matrix of gates side by side, as (rows, gates, size)."""
    return array.reshape(len(array), -1, size)


def lstm(x, hidden, cell, w_hh, w_hr, sizes, reverse):
    """(outputs, last hidden, last cell, gates, cells); gates are i, f, g, o after their functions."""
    x, hidden, cell = np.ascontiguousarray(x), hidden.copy(), cell.copy()
    gates, cells = np.empty_like(x), np.empty((len(x), cell.shape[1]), x.dtype)
    output = np.empty((len(x), hidden.shape[1]), x.dtype)
    w_hh = np.ascontiguousarray(w_hh.T)  # copied once, so that every step's product reads rows
    exposed = output if w_hr is None else np.empty_like(cells)
    for rows, count in in_time(sizes, reverse):
        np.matmul(hidden[:count], w_hh, out=gates[rows])
        lstm_step(gates[rows], x[rows], cell[:count], cells[rows], exposed[rows])
        if w_hr is not None:
            np.matmul(exposed[rows], w_hr.T, out=output[rows])
        hidden[:count] = output[rows]
    return output, hidden, cell, gates, cells


def lstm_backward(grads, hidden, cell, w_hh, w_hr, output, gates, cells, sizes, reverse):
    """The gradients of x, hidden, cell, w_hh and w_hr (empty if there is none)."""
    grad_output, d_hidden, d_cell = grads[0], grads[1].copy(), grads[2].copy()
    d_x, cells_before = np.empty_like(gates), before(cells, cell, sizes, reverse)
    d_exposed = None if w_hr is None else np.empty_like(output)
    for rows, count in reversed(in_time(sizes, reverse)):
        d_h = d_hidden[:count]
        d_h += grad_output[rows]
        d_out = d_h
        if w_hr is not None:
            d_exposed[rows] = d_h
            d_out = d_h @ w_hr
        lstm_step_backward(d_x[rows], gates[rows], cells[rows], cells_before[rows], d_out, d_cell[:count])
        np.matmul(d_x[rows], w_hh, out=d_h)
    d_w_hr = np.zeros(0, d_x.dtype)
    if w_hr is not None:
        d_w_hr = d_exposed.T @ (gates[:, 3 * cell.shape[1] :] * np.tanh(cells))
    return d_x, d_hidden, d_cell, d_x.T @ before(output, hidden, sizes, reverse), d_w_hr


def gru(x, hidden, w_hh, b_hh, sizes, reverse):
    """(outputs, last hidden, gates, parts); gates are r, z, n, parts what the hidden state adds to n before r."""
    hidden, size = hidden.copy(), hidden.shape[1]
    gates, parts, output = np.empty_like(x), np.empty((len(x), size), x.dtype), np.empty((len(x), size), x.dtype)
    w_hh = np.ascontiguousarray(w_hh.T)  # copied once, so that every step's product reads rows
    for rows, count in in_time(sizes, reverse):
        gate, h = gates[rows], hidden[:count]
        np.matmul(h, w_hh, out=gate)
        if b_hh is not None:
            gate += b_hh
        rz, n = gate[:, : 2 * size], gate[:, 2 * size :]
        parts[rows] = n
        rz += x[rows, : 2 * size]
        ufuncs.sigmoid(rz, out=rz)
        n *= rz[:, :size]
        n += x[rows, 2 * size :]
        np.tanh(n, out=n)
        h -= n
        h *= rz[:, size:]
        h += n
        output[rows] = h
    return output, hidden, gates, parts


def gru_backward(grads, hidden, w_hh, output, gates, parts, sizes, reverse):
    """The gradients of x, hidden, w_hh and b_hh."""
    grad_output, d_hidden, size = grads[0], grads[1].copy(), hidden.shape[1]
    r, z, n = (gates[:, k * size : (k + 1) * size] for k in range(3))
    h = before(output, hidden, sizes, reverse)
    d_x = np.empty_like(gates)  # at first the factors
    factors = _gates(d_x, size)
    factors[:, 2] = (1 - z) * (1 - n * n)
    factors[:, 1] = (h - n) * z * (1 - z)
    factors[:, 0] = factors[:, 2] * parts * r * (1 - r)
    d_sums = np.empty_like(gates)  # of what the hidden state adds to the gates
    for rows, count in reversed(in_time(sizes, reverse)):
        d_h, d_sum = d_hidden[:count], d_sums[rows]
        d_h += grad_output[rows]
        factors[rows] *= d_h[:, None]
        d_sum[:] = d_x[rows]
        d_sum[:, 2 * size :] *= r[rows]
        d_h *= z[rows]
        d_h += d_sum @ w_hh
    return d_x, d_hidden, d_sums.T @ h, d_sums.sum(0)


def rnn(x, hidden, w_hh, relu, sizes, reverse):
    """(outputs, last hidden)."""
    hidden, output, w_hh = hidden.copy(), np.empty_like(x), np.ascontiguousarray(w_hh.T)
    for rows, count in in_time(sizes, reverse):
        out = output[rows]
        np.matmul(hidden[:count], w_hh, out=out)
        out += x[rows]
        (ufuncs.relu if relu else np.tanh)(out, out=out)
        hidden[:count] = out
    return output, hidden


def rnn_backward(grads, hidden, w_hh, relu, output, sizes, reverse):
    """The gradients of x, hidden and w_hh."""
    grad_output, d_hidden = grads[0], grads[1].copy()
    d_x = (output > 0).astype(output.dtype) if relu else 1 - output * output
    for rows, count in reversed(in_time(sizes, reverse)):
        d_h = d_hidden[:count]
        d_h += grad_output[rows]
        d_x[rows] *= d_h
        np.matmul(d_x[rows], w_hh, out=d_h)
    return d_x, d_hidden, d_x.T @ before(output, hidden, sizes, reverse)
