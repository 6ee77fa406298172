"""Convolutions over one, two and three dimensions."""

import math

from ...tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from ._new import draw_bias, new_parameter
from .module import Module
from .utils import _ntuple, _reverse_repeat_tuple

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
]

_PADDING_MODES = {"zeros", "reflect", "replicate", "circular"}


class _ConvNd(Module):
    """What all convolutions share: arguments as tuples, parameters, padding that is not with zeros."""

    _dims: int
    _function: str
    _transposed = False
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int
    padding_mode: str
    weight: Parameter
    bias: Parameter | None

    def _setup(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        dilation,
        output_padding,
        groups,
        bias,
        padding_mode,
        device,
        dtype,
    ) -> None:
        """The body of every constructor, whose signatures differ."""
        as_tuple = _ntuple(self._dims)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = as_tuple(kernel_size)
        self.stride = as_tuple(stride)
        self.padding = padding if isinstance(padding, str) else as_tuple(padding)
        self.dilation = as_tuple(dilation)
        self.transposed = self._transposed
        self.output_padding = as_tuple(output_padding)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check_arguments()
        self._reversed_padding_repeated_twice = self._amounts_for_pad()
        inner, outer = (out_channels, in_channels) if self.transposed else (in_channels, out_channels)
        shape = (outer, inner // groups, *self.kernel_size)
        self.weight = new_parameter(shape, device=device, dtype=dtype)
        self.register_parameter("bias", new_parameter(out_channels, bias, device=device, dtype=dtype))
        self.reset_parameters()

    def _check_arguments(self) -> None:
        if self.groups <= 0:
            raise ValueError("groups must be a positive integer")
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if self.out_channels % self.groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(self.padding, str):
            if self.padding not in {"same", "valid"}:
                raise ValueError(
                    f"Invalid padding string {self.padding!r}, should be one of {sorted({'same', 'valid'})}"
                )
            if self.padding == "same" and any(step != 1 for step in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {sorted(_PADDING_MODES)}, but got padding_mode='{self.padding_mode}'"
            )

    def _amounts_for_pad(self) -> list[int] | tuple[int, ...]:
        """The padding as ``F.pad`` takes it: from the last dimension on, before and after."""
        if not isinstance(self.padding, str):
            return _reverse_repeat_tuple(self.padding, 2)
        amounts = []
        for step, size in zip(reversed(self.dilation), reversed(self.kernel_size), strict=True):
            total = step * (size - 1) if self.padding == "same" else 0
            amounts += [total // 2, total - total // 2]
        return amounts

    def reset_parameters(self) -> None:
        """Draws the parameters anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        draw_bias(self.bias, self.weight)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution with parameters that are handed in."""
        convolve = getattr(F, self._function)
        if self.padding_mode == "zeros":
            return convolve(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return convolve(input, weight, bias, self.stride, (0,) * self._dims, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        usual = {"padding": 0, "dilation": 1, "output_padding": 0}
        for name, value in usual.items():
            if getattr(self, name) != (value,) * len(getattr(self, name)):
                shown.append(f"{name}={getattr(self, name)}")
        if self.groups != 1:
            shown.append(f"groups={self.groups}")
        if self.bias is None:
            shown.append("bias=False")
        if self.padding_mode != "zeros":
            shown.append(f"padding_mode={self.padding_mode}")
        return ", ".join(shown)

    def __setstate__(self, state) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


class _Conv(_ConvNd):
    """The constructor of the convolutions that are not transposed."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        self._setup(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class Conv1d(_Conv):
    """Convolves sequences of several channels: each output is a weighted sum over a window of all inputs of its group.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): size of the window.
        stride (int or tuple): how far the window moves. Default: 1
        padding (int, tuple or str): what is added on both sides; ``"valid"`` is none, ``"same"`` keeps the size
            and needs stride 1. Default: 0
        dilation (int or tuple): distance of the window's points. Default: 1
        groups (int): into how many parts the channels are divided that do not mix. Default: 1
        bias (bool): whether to add a learned number to each channel. Default: ``True``
        padding_mode (str): ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``. Default: ``"zeros"``
        device, dtype: of the parameters.

    Shape:
        - Input: ``(N, in_channels, L)`` or ``(in_channels, L)``
        - Output: ``(N, out_channels, L')`` or ``(out_channels, L')``, with
          ``L' = (L + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1``

    Attributes:
        weight (Parameter): of shape ``(out_channels, in_channels / groups, kernel_size)``.
        bias (Parameter or None): of shape ``(out_channels,)``. Both begin uniform on ``(-1, 1)`` divided by the square
            root of ``in_channels / groups * kernel_size``.

    Example::

        >>> import tritorch
        >>> tritorch.nn.Conv1d(16, 33, 3, stride=2)(tritorch.randn(20, 16, 50)).shape
        tritorch.Size([20, 33, 24])
    """

    _dims, _function = 1, "conv1d"


class Conv2d(_Conv):
    """Convolves images of several channels. Arguments and parameters are those of :class:`Conv1d`, with pairs.

    Shape:
        - Input: ``(N, in_channels, H, W)`` or ``(in_channels, H, W)``
        - Output: ``(N, out_channels, H', W')`` or ``(out_channels, H', W')``, each size as for :class:`Conv1d`

    Example::

        >>> import tritorch
        >>> layer = tritorch.nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))
        >>> layer(tritorch.randn(2, 16, 20, 30)).shape
        tritorch.Size([2, 33, 13, 30])
    """

    _dims, _function = 2, "conv2d"


class Conv3d(_Conv):
    """Convolves volumes of several channels. Arguments and parameters are those of :class:`Conv1d`, with triples.

    Shape:
        - Input: ``(N, in_channels, D, H, W)`` or ``(in_channels, D, H, W)``
        - Output: ``(N, out_channels, D', H', W')`` or without ``N``, each size as for :class:`Conv1d`

    Example::

        >>> import tritorch
        >>> tritorch.nn.Conv3d(3, 4, 3, padding="same")(tritorch.randn(1, 3, 5, 6, 7)).shape
        tritorch.Size([1, 4, 5, 6, 7])
    """

    _dims, _function = 3, "conv3d"
