"""Transposed convolutions: the gradients of convolutions with respect to their inputs, as layers."""

from collections.abc import Sequence

from ...tensor import Tensor
from .. import functional as F
from ._conv import _ConvNd

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvTransposeNd(_ConvNd):
    """The constructor and the call of all transposed convolutions."""

    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__()
        self._setup(
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
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> Sequence[int]:
        """What to add at the end of each dimension to arrive at ``output_size``; ValueError where it can't be."""
        if output_size is None:
            return self.output_padding
        dims = self._dims
        leading = input.dim() - dims
        sizes = list(output_size[-dims:]) if len(output_size) == leading + dims else list(output_size)
        if len(sizes) != dims:
            raise ValueError(
                f"ConvTranspose{dims}D: for {input.dim()}D input, output_size must have {dims} or {leading + dims} "
                f"elements (got {len(sizes)})"
            )
        least = [
            (input.size(leading + d) - 1) * self.stride[d]
            - 2 * self.padding[d]
            + self.dilation[d] * (self.kernel_size[d] - 1)
            + 1
            for d in range(dims)
        ]
        most = [size + self.stride[d] - 1 for d, size in enumerate(least)]
        if any(not low <= size <= high for low, size, high in zip(least, sizes, most, strict=True)):
            raise ValueError(
                f"requested an output size of {sizes}, but valid sizes range from {least} to {most} (for an input of "
                f"{input.size()[2:]})"
            )
        return [size - low for size, low in zip(sizes, least, strict=True)]

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return getattr(F, self._function)(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._output_padding(input, output_size),
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of :class:`Conv1d` with the same arguments, also called deconvolution.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int or tuple): size of the window.
        stride (int or tuple): how far the window moves in the output. Default: 1
        padding (int or tuple): what is cut off both sides: ``dilation (kernel_size - 1) - padding`` zeros are added to
            the input. Default: 0
        output_padding (int or tuple): what to add at one side, where several sizes are possible. Default: 0
        groups (int): into how many parts the channels are divided that do not mix. Default: 1
        bias (bool): whether to add a learned number to each channel. Default: ``True``
        dilation (int or tuple): distance of the window's points. Default: 1
        padding_mode (str): ``"zeros"``; others raise ValueError.
        device, dtype: of the parameters.

    ``forward(input, output_size=None)`` takes the wanted size instead of ``output_padding``.

    Shape:
        - Input: ``(N, in_channels, L)`` or ``(in_channels, L)``
        - Output: ``(N, out_channels, L')`` or ``(out_channels, L')``, with
          ``L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1``

    Attributes:
        weight (Parameter): of shape ``(in_channels, out_channels / groups, kernel_size)``.
        bias (Parameter or None): of shape ``(out_channels,)``.

    Example::

        >>> import tritorch
        >>> tritorch.nn.ConvTranspose1d(3, 4, 3, stride=2)(tritorch.randn(1, 3, 5)).shape
        tritorch.Size([1, 4, 11])
    """

    _dims, _function = 1, "conv_transpose1d"


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of :class:`Conv2d`. Arguments and parameters are those of :class:`ConvTranspose1d`, with pairs.

    Shape:
        - Input: ``(N, in_channels, H, W)`` or ``(in_channels, H, W)``
        - Output: ``(N, out_channels, H', W')`` or without ``N``, each size as for :class:`ConvTranspose1d`

    Example::

        >>> import tritorch
        >>> down = tritorch.nn.Conv2d(16, 16, 3, stride=2, padding=1)
        >>> up = tritorch.nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
        >>> x = tritorch.randn(1, 16, 12, 12)
        >>> up(down(x), output_size=x.size()).shape
        tritorch.Size([1, 16, 12, 12])
    """

    _dims, _function = 2, "conv_transpose2d"


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of :class:`Conv3d`. Arguments and parameters are those of :class:`ConvTranspose1d`, with triples.

    Shape:
        - Input: ``(N, in_channels, D, H, W)`` or ``(in_channels, D, H, W)``
        - Output: ``(N, out_channels, D', H', W')`` or without ``N``, each size as for :class:`ConvTranspose1d`
    """

    _dims, _function = 3, "conv_transpose3d"
