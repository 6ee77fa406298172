"""Recurrent networks over sequences."""

from ...tensor import Tensor
from . import _rnn_cells
from ._rnn_base import RNNBase
from ._rnn_cells import *  # noqa: F403

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"] + _rnn_cells.__all__


class RNN(RNNBase):
    """Recurrent layers: ``h' = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh)`` at each time step.

    Args:
        input_size (int): size of the input's features.
        hidden_size (int): size of the hidden state.
        num_layers (int): how many layers, each fed with the states of the one before. Default: 1
        nonlinearity (str): ``"tanh"`` or ``"relu"``. Default: ``"tanh"``
        bias (bool): whether there are biases. Default: ``True``
        batch_first (bool): whether batches come before time. Default: ``False``
        dropout (float): the probability of a zero between layers, in training. Default: 0
        bidirectional (bool): run backwards in time too, with weights of their own. Default: ``False``
        device, dtype: of the parameters.

    ``forward(input, hx=None)`` returns the outputs of the last layer and the last hidden states.

    Shape, with ``D`` directions and ``H`` hidden sizes:
        - input: ``(L, N, input_size)``, with ``batch_first`` ``(N, L, input_size)``, ``(L, input_size)``, or a
          :class:`~tritorch.nn.utils.rnn.PackedSequence`
        - hx: ``(D num_layers, N, H)`` or ``(D num_layers, H)``; zeros if not given
        - output: as the input, with ``D H`` features; hidden states: as ``hx``

    Attributes:
        weight_ih_l[k], weight_hh_l[k], bias_ih_l[k], bias_hh_l[k] (Parameter): of layer ``k``; with ``_reverse`` of
            the other direction. All begin uniform on ``(-1, 1)`` divided by the square root of ``hidden_size``.

    Example::

        >>> import tritorch
        >>> output, hidden = tritorch.nn.RNN(10, 20, 2)(tritorch.randn(5, 3, 10))
        >>> output.shape, hidden.shape
        (tritorch.Size([5, 3, 20]), tritorch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        **factory,
    ) -> None:
        _refuse_proj_size(factory)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, **factory
        )
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory: at each time step, with the sums of four gates, ``i, f, g, o`` in this order,

    ``c' = sigmoid(f) c + sigmoid(i) tanh(g)`` and ``h' = sigmoid(o) tanh(c')``.

    Sources: Hochreiter and Schmidhuber, Long Short-Term Memory (1997); Sak et al., Long short-term memory based
    recurrent neural network architectures (2014), for the projection.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype: as for
            :class:`RNN`.
        proj_size (int): if above 0, the hidden state is projected to this size, below ``hidden_size``. Default: 0

    ``forward(input, hx=None)`` returns the outputs of the last layer and ``(h, c)``, and takes such a pair.

    Shape, with ``D`` directions and ``P = proj_size or hidden_size``:
        - input: as for :class:`RNN`
        - h: ``(D num_layers, N, P)``, c: ``(D num_layers, N, hidden_size)``, both without ``N`` if unbatched
        - output: as the input, with ``D P`` features

    Attributes:
        weight_ih_l[k], weight_hh_l[k], bias_ih_l[k], bias_hh_l[k], weight_hr_l[k] (Parameter): as for :class:`RNN`;
            the rows are those of the four gates; ``weight_hr_l[k]`` projects.

    Example::

        >>> import tritorch
        >>> output, (h, c) = tritorch.nn.LSTM(10, 20, 2)(tritorch.randn(5, 3, 10))
        >>> output.shape, h.shape, c.shape
        (tritorch.Size([5, 3, 20]), tritorch.Size([2, 3, 20]), tritorch.Size([2, 3, 20]))
    """

    _name = "LSTM"

    def __init__(self, *args, **kwargs) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def _states(self, hx):
        return tuple(hx)

    def _as_given(self, states):
        return tuple(states)

    def _state_sizes(self):
        return self._output_size, self.hidden_size

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the cell state must have."""
        return self.num_layers * self._directions, self._batch_size(input, batch_sizes), self.hidden_size

    def check_forward_args(self, input: Tensor, hidden, batch_sizes: Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        sizes = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        for index, (state, size) in enumerate(zip(hidden, sizes, strict=True)):
            self.check_hidden_size(state, size, f"Expected hidden[{index}] size {{}}, got {{}}")

    def permute_hidden(self, hx, permutation: Tensor | None):
        return hx if permutation is None else tuple(state.index_select(1, permutation) for state in hx)

    def _check_state_dims(self, hx, dims: int) -> None:
        if any(state.dim() != dims for state in hx):
            batched = "batched 3-D" if dims == 3 else "unbatched 2-D"
            raise RuntimeError(
                f"For {batched} input, hx and cx should also be {dims}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) "
                "tensors"
            )


class GRU(RNNBase):
    """Gated recurrent units: with the sums of three gates, ``r, z, n`` in this order, of input and hidden state,

    ``n = tanh(x_n + sigmoid(x_r + h_r) h_n)`` and ``h' = (1 - sigmoid(x_z + h_z)) n + sigmoid(x_z + h_z) h``.

    Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder (2014).

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype: as for
            :class:`RNN`.

    Shapes and parameters are those of :class:`RNN`, the rows of the parameters those of the three gates.

    Example::

        >>> import tritorch
        >>> output, hidden = tritorch.nn.GRU(10, 20, bidirectional=True)(tritorch.randn(5, 3, 10))
        >>> output.shape, hidden.shape
        (tritorch.Size([5, 3, 40]), tritorch.Size([2, 3, 20]))
    """

    _name = "GRU"

    def __init__(self, *args, **kwargs) -> None:
        _refuse_proj_size(kwargs)
        super().__init__("GRU", *args, **kwargs)


def _refuse_proj_size(arguments: dict) -> None:
    if "proj_size" in arguments:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
