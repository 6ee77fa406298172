"""One time step of each kind of recurrent network."""

from ... import _api as tt
from ...tensor import Tensor
from .. import _rnn
from .. import functional as F
from ._new import new_parameter
from ._rnn_base import draw_by_hidden_size
from .module import Module

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells share: parameters, checks, and inputs without a batch.

    Args:
        input_size (int): size of the input's features.
        hidden_size (int): size of the hidden state.
        bias (bool): whether there are biases.
        num_chunks (int): how many gates.
        device, dtype: of the parameters.
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device=None, dtype=None) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates, factory = num_chunks * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = new_parameter((gates, input_size), **factory)
        self.weight_hh = new_parameter((gates, hidden_size), **factory)
        self.register_parameter("bias_ih", new_parameter(gates, bias, **factory))
        self.register_parameter("bias_hh", new_parameter(gates, bias, **factory))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the parameters anew."""
        draw_by_hidden_size(self, self.hidden_size)

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            shown.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            shown.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(shown)

    def _expect_dims(self, what: str, tensor: Tensor) -> None:
        if tensor.dim() not in (1, 2):
            raise ValueError(f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {tensor.dim()}D instead")

    def _batched(self, input: Tensor, states: tuple[Tensor | None, ...]) -> tuple[Tensor, ...]:
        """Input and states as matrices; states are zeros if not given."""
        if input.dim() == 1:
            input = input.unsqueeze(0)
            states = tuple(None if state is None else state.unsqueeze(0) for state in states)
        if states[0] is None:
            zeros = tt.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)
            states = (zeros,) * len(states)
        return input, *states

    def _sums(self, input: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """What input and hidden state add to the gates."""
        from_input = F.linear(input, self.weight_ih, self.bias_ih)
        return from_input, F.linear(hidden, self.weight_hh, self.bias_hh)


class RNNCell(RNNCellBase):
    """One step of :class:`RNN`: ``h' = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh)``.

    Args:
        input_size (int): size of the input's features.
        hidden_size (int): size of the hidden state.
        bias (bool): whether there are biases. Default: ``True``
        nonlinearity (str): ``"tanh"`` or ``"relu"``. Default: ``"tanh"``
        device, dtype: of the parameters.

    Shape:
        - input: ``(N, input_size)`` or ``(input_size,)``
        - hx, and the result: ``(N, hidden_size)`` or ``(hidden_size,)``; zeros if not given

    Attributes:
        weight_ih, weight_hh, bias_ih, bias_hh (Parameter): as those of :class:`RNN`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        self._expect_dims("input", input)
        if hx is not None:
            self._expect_dims("hidden", hx)
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        rows, hidden = self._batched(input, (hx,))
        from_input, from_hidden = self._sums(rows, hidden)
        (hidden,) = _rnn.rnn_step(from_input + from_hidden, f"RNN_{self.nonlinearity.upper()}")
        return hidden if input.dim() == 2 else hidden.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of :class:`LSTM`. Arguments as for :class:`RNNCell`, without a nonlinearity.

    ``forward(input, hx=None)`` takes and returns a pair ``(h, c)`` of shape ``(N, hidden_size)`` or ``(hidden_size,)``.

    Example::

        >>> import tritorch
        >>> h, c = tritorch.nn.LSTMCell(10, 20)(tritorch.randn(3, 10))
        >>> h.shape, c.shape
        (tritorch.Size([3, 20]), tritorch.Size([3, 20]))
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        self._expect_dims("input", input)
        for index, state in enumerate(hx or ()):
            self._expect_dims(f"hx[{index}]", state)
        rows, hidden, cell = self._batched(input, hx or (None, None))
        from_input, from_hidden = self._sums(rows, hidden)
        hidden, cell = _rnn.lstm_step(from_input + from_hidden, cell)
        return (hidden, cell) if input.dim() == 2 else (hidden.squeeze(0), cell.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of :class:`GRU`. Arguments and shapes as for :class:`RNNCell`, without a nonlinearity."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        self._expect_dims("input", input)
        if hx is not None:
            self._expect_dims("hidden", hx)
        rows, hidden = self._batched(input, (hx,))
        (hidden,) = _rnn.gru_step(*self._sums(rows, hidden), hidden)
        return hidden if input.dim() == 2 else hidden.squeeze(0)
