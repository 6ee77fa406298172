"""What the recurrent networks share: weights by layer and direction, checks, and packed or padded sequences."""

import math
import numbers
import warnings

from ... import _api as tt
from ...amp.autocast_mode import is_autocast_enabled
from ...tensor import Tensor
from .. import _rnn, init
from .._packed import PackedSequence
from ..parameter import Parameter
from .module import Module

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def draw_by_hidden_size(module: Module, hidden_size: int) -> None:
    """Draws all parameters uniformly between plus and minus 1 / sqrt(hidden_size)."""
    bound = 1.0 / math.sqrt(hidden_size) if hidden_size > 0 else 0
    for weight in module.parameters():
        init.uniform_(weight, -bound, bound)


class RNNBase(Module):
    """The base of :class:`RNN`, :class:`LSTM` and :class:`GRU`, which say what the arguments mean.

    Args:
        mode (str): ``"RNN_TANH"``, ``"RNN_RELU"``, ``"LSTM"`` or ``"GRU"``.
    """

    _name = "RNN"

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_arguments()
        self.dropout = float(dropout)
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for direction in range(self._directions):
                self._add_weights(layer, "_reverse" if direction else "", device, dtype)
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self.proj_size if self.proj_size > 0 else self.hidden_size

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Tensor]:
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, in a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def _check_arguments(self) -> None:
        dropout = self.dropout
        if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name, kind in {"bias": bool, "batch_first": bool, "input_size": int, "hidden_size": int}.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    def _add_weights(self, layer: int, suffix: str, device, dtype) -> None:
        """Makes the parameters of one layer and direction."""
        gates = _GATES[self.mode] * self.hidden_size
        inputs = self._output_size * self._directions if layer else self.input_size
        shapes = {"weight_ih": (gates, inputs), "weight_hh": (gates, self._output_size)}
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size > 0:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        shapes = {f"{name}_l{layer}{suffix}": shape for name, shape in shapes.items()}
        for name, shape in shapes.items():
            setattr(self, name, Parameter(tt.empty(shape, device=device, dtype=dtype)))
        self._all_weights.append(list(shapes))

    def flatten_parameters(self) -> None:
        """Does nothing: the weights need no special place in memory."""

    def reset_parameters(self) -> None:
        """Draws the parameters anew."""
        draw_by_hidden_size(self, self.hidden_size)

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raises where type, dimensions or size of ``input`` do not fit."""
        dtype = getattr(self, self._all_weights[0][0]).dtype
        if input.dtype != dtype and not is_autocast_enabled(input.device.type):
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        dims = 3 if batch_sizes is None else 2
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _batch_size(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        return input.size(0 if self.batch_first else 1) if batch_sizes is None else int(batch_sizes[0])

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the hidden state must have."""
        return self.num_layers * self._directions, self._batch_size(input, batch_sizes), self._output_size

    def check_hidden_size(self, hx: Tensor, expected_hidden_size, msg: str = "Expected hidden size {}, got {}") -> None:
        """Raises RuntimeError unless a state has its shape."""
        if tuple(hx.size()) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden, batch_sizes: Tensor | None) -> None:
        """Raises where input or states do not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation: Tensor | None):
        """The states with their sequences in another order."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def _check_state_dims(self, hx, dims: int) -> None:
        """Raises RuntimeError unless the states given with a batch, or without, have 3, or 2, dimensions."""
        if hx.dim() != dims:
            batched = "batched 3-D" if dims == 3 else "unbatched 2-D"
            raise RuntimeError(f"For {batched} input, hx should also be {dims}-D but got {hx.dim()}-D tensor")

    def _states(self, hx) -> tuple[Tensor, ...]:
        """The states that the caller gave, as a tuple."""
        return (hx,)

    def _as_given(self, states: tuple[Tensor, ...]):
        """The states in the form in which the caller gives and gets them."""
        return states[0]

    def _state_sizes(self) -> tuple[int, ...]:
        return (self.hidden_size,)

    def _zeros(self, input: Tensor, batch_size: int):
        count = self.num_layers * self._directions
        return self._as_given(
            tuple(
                tt.zeros(count, batch_size, size, dtype=input.dtype, device=input.device)
                for size in self._state_sizes()
            )
        )

    def _run(self, rows: Tensor, hx, sizes: list[int]):
        """All layers over rows of time steps; see :mod:`tritorch.nn._rnn`."""
        dropout = self.dropout if self.training else 0.0
        weights = self.all_weights
        states = self._states(hx)
        return _rnn.run(self.mode, rows, states, weights, sizes, self.bias, self._directions, dropout)

    def forward(self, input, hx=None):
        """Runs over all sequences; see the class for shapes."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            tensor = " tensor" if self._name == "RNN" else ""
            raise ValueError(f"{self._name}: Expected input to be 2D or 3D, got {input.dim()}D{tensor} instead")
        batched = input.dim() == 3
        if hx is not None:
            self._check_state_dims(hx, 3 if batched else 2)
        batch_dim = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_dim)
            hx = None if hx is None else self._as_given(tuple(state.unsqueeze(1) for state in self._states(hx)))
        if hx is None:
            hx = self._zeros(input, input.size(batch_dim))
        self.check_forward_args(input, hx, None)
        steps = input.transpose(0, 1) if self.batch_first else input
        length, batch_size, _ = steps.shape
        if length == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        rows, states = self._run(steps.reshape(length * batch_size, -1), hx, [batch_size] * length)
        output = rows.reshape(length, batch_size, -1)
        output = output.transpose(0, 1) if self.batch_first else output
        if batched:
            return output, self._as_given(states)
        return output.squeeze(batch_dim), self._as_given(tuple(state.squeeze(1) for state in states))

    def _forward_packed(self, input: PackedSequence, hx):
        data, batch_sizes, sorted_indices, unsorted_indices = input
        if hx is None:
            hx = self._zeros(data, int(batch_sizes[0]))
        else:
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(data, hx, batch_sizes)
        rows, states = self._run(data, hx, batch_sizes.tolist())
        output = PackedSequence(rows, batch_sizes, sorted_indices, unsorted_indices)
        return output, self.permute_hidden(self._as_given(states), unsorted_indices)

    def extra_repr(self) -> str:
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        shown = [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *shown])
