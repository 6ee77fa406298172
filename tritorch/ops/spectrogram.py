"""Short-time Fourier transforms: the spectrum of each of many overlapping frames of a signal, and the way back."""

import math
import warnings

from ._op import Op, TensorBase, ops


class _Call:
    """What was asked for, for the texts of errors: torch spells out the whole call in them."""

    def __init__(self, name, tensor, **settings):
        self.name, self.tensor, self.settings = name, tensor, settings

    def __str__(self):
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.settings.items())
        return f"{self.name}({_kind(self.tensor)}{list(self.tensor.shape)}, {shown})"

    def refuse(self, why):
        return RuntimeError(f"{self} : {why}")


def _shown(value):
    if isinstance(value, TensorBase):
        return f"{_kind(value)}{{{list(value.shape)}}}"
    return int(value) if isinstance(value, bool) else value


def _kind(x):
    return f"tritorch.{x.dtype.type_name}Tensor"


def _centred(window, win_length, n_fft, like):
    """The window of ``n_fft`` points, zero on both sides of ``win_length`` ones; None stands for ones."""
    if window is None:
        if win_length == n_fft:
            return None
        window = like.new_ones(win_length)
    left = (n_fft - win_length) // 2
    return ops.pad(window, [left, n_fft - win_length - left]) if win_length < n_fft else window


class stft(Op, has_out=False):
    """The Fourier transforms of overlapping frames of a signal (L,) or of several (B, L): (B, frequencies, frames).

    Frames of :attr:`n_fft` points start every ``hop_length`` (a quarter of it) and are multiplied by ``window``, of
    ``win_length`` points in the middle of the frame (ones). With ``center`` the signal is padded, so that a frame is
    centred at its index times the hop. ``onesided``, the default for real signals, keeps ``n_fft // 2 + 1``
    frequencies; ``normalized`` divides by ``sqrt(n_fft)``. Without ``return_complex`` real and imaginary parts are a
    last dim of 2.

    Example:
        >>> import tritorch
        >>> tritorch.stft(tritorch.ones(8), 4, window=tritorch.hann_window(4), return_complex=True).shape
        tritorch.Size([3, 9])
    """

    def eager(
        input, n_fft: int, hop_length: object = None, win_length: object = None, window=None, center: bool = True,
        pad_mode: str = "reflect", normalized: bool = False, onesided: object = None, return_complex: object = None,
        align_to_window: object = None,
    ):  # fmt: skip
        if center and align_to_window is not None:
            raise RuntimeError("stft align_to_window should only be set when center = false")
        complex_input = input.is_complex() or (window is not None and window.is_complex())
        if return_complex is None:
            if not complex_input:
                raise RuntimeError(
                    "stft requires the return_complex parameter be given for real inputs, and will further require that "
                    "return_complex=True in a future PyTorch release."
                )
            return_complex = True
        hop = n_fft // 4 if hop_length is None else hop_length
        width = n_fft if win_length is None else win_length
        if center:
            side = n_fft // 2
            lifted = input.reshape([1] * (3 - input.ndim) + list(input.shape))
            padded = ops.pad(lifted, [side, side], pad_mode)
            input = padded.reshape(padded.shape[3 - input.ndim :])
        call = _Call(
            "stft", input, n_fft=n_fft, hop_length=hop, win_length=width, window=window, normalized=normalized,
            onesided=onesided, return_complex=return_complex, align_to_window=align_to_window,
        )  # fmt: skip
        _check_stft(call, input, n_fft, hop, width, window)
        if align_to_window:
            left = (n_fft - width) // 2
            input = ops.pad(input, [left, n_fft - width - left])
        if onesided is None:
            onesided = not complex_input
        elif onesided and complex_input:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        frames = input.unfold(-1, n_fft, hop)
        window = _centred(window, width, n_fft, input)
        if window is not None:
            frames = frames * window
        norm = "ortho" if normalized else None
        if frames.is_complex():
            spectrum = ops.fft_fft(frames, norm=norm)
        else:
            spectrum = (ops.fft_rfft if onesided else ops.fft_fft)(frames, norm=norm)
        out = spectrum.transpose(-2, -1)
        return out if return_complex else ops.view_as_real(out)

    def samples(make):
        yield make(16), 8, 4, {"return_complex": True}
        yield make(2, 16), 4, {"center": False, "return_complex": True, "window": make(4)}


def _check_stft(call, input, n_fft, hop, width, window):
    if not (input.is_floating_point() or input.is_complex()):
        raise call.refuse("expected a tensor of floating point or complex values")
    if input.ndim not in (1, 2):
        raise call.refuse("expected a 1D or 2D tensor")
    if not 0 < n_fft <= input.shape[-1]:
        raise call.refuse(f"expected 0 < n_fft < {input.shape[-1]}, but got n_fft={n_fft}")
    if hop <= 0:
        raise call.refuse(f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < width <= n_fft:
        raise call.refuse(f"expected 0 < win_length <= n_fft, but got win_length={width}")
    if window is not None and (window.ndim != 1 or window.shape[0] != width):
        raise call.refuse(
            f"expected a 1D window tensor of size equal to win_length={width}, but got window with size {list(window.shape)}"
        )


class istft(Op, has_out=False):
    """The signal (L,) or signals (B, L) of which :func:`stft` with the same arguments gives :attr:`input`: the frames
    are transformed back, windowed, added where they overlap, and divided by what the squared windows sum to.

    Example:
        >>> import tritorch
        >>> window = tritorch.hann_window(4)
        >>> spectrum = tritorch.stft(tritorch.ones(8), 4, window=window, return_complex=True)
        >>> tritorch.istft(spectrum, 4, window=window)
        tensor([1., 1., 1., 1., 1., 1., 1., 1.])
    """

    def eager(
        input, n_fft: int, hop_length: object = None, win_length: object = None, window=None, center: bool = True,
        normalized: bool = False, onesided: object = None, length: object = None, return_complex: bool = False,
    ):  # fmt: skip
        hop = n_fft // 4 if hop_length is None else hop_length
        width = n_fft if win_length is None else win_length
        if not input.is_complex():
            raise RuntimeError(
                "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
            )
        call = _Call(
            "istft", input, n_fft=n_fft, hop_length=hop, win_length=width, window=window, center=center,
            normalized=normalized, onesided=onesided, length=length, return_complex=return_complex,
        )  # fmt: skip
        onesided = _check_istft(call, input, n_fft, hop, width, window, onesided, return_complex)
        batch = input if input.ndim == 3 else input.unsqueeze(0)
        norm = "ortho" if normalized else None
        frames = batch.transpose(1, 2)
        if return_complex:
            frames = ops.fft_ifft(frames, norm=norm)
        else:
            half = frames if onesided else frames.narrow(2, 0, n_fft // 2 + 1)
            frames = ops.fft_irfft(half, n_fft, norm=norm)
        window = _centred(window, width, n_fft, frames)
        window = frames.new_ones(n_fft) if window is None else window
        count = frames.shape[1]
        total = n_fft + hop * (count - 1)
        signal = _overlapped(frames * window, hop, total)
        envelope = _overlapped((window * window).expand(1, count, n_fft), hop, total)
        start = n_fft // 2 if center else 0
        end = start + length if length is not None else total - n_fft // 2 if center else total
        signal, envelope = (x.narrow(-1, start, max(0, min(end, total) - start)) for x in (signal, envelope))
        lowest = envelope.detach().abs().min().item() if envelope.numel() else math.inf
        if lowest <= 1e-11:
            raise RuntimeError(f"{call} window overlap add min: {lowest:g}")
        signal = signal / envelope
        if end > total:
            warnings.warn(
                "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
                "Please check your center and hop_length settings.",
                UserWarning,
                stacklevel=3,
            )
            signal = ops.pad(signal, [0, end - total])
        return signal if input.ndim == 3 else signal.squeeze(0)

    def samples(make):
        yield make.complex(5, 5), 8, 4, {"window": make.plain([1] * 8)}


def _check_istft(call, input, n_fft, hop, width, window, onesided, return_complex):
    if not input.numel():
        raise call.refuse("input tensor cannot be empty.")
    if input.ndim not in (2, 3):
        raise call.refuse(f"expected a tensor with 2 or 3 dimensions, but got {input.ndim}")
    found = input.shape[-2]
    if onesided is None:
        onesided = found != n_fft
    if onesided and found != n_fft // 2 + 1:
        raise call.refuse(
            "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 when "
            f"onesided=True, but got {found}"
        )
    if not onesided and found != n_fft:
        raise call.refuse(
            "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft when onesided=False, but "
            f"got {found}"
        )
    if not 0 < hop <= width:
        raise call.refuse("expected 0 < hop_length <= win_length")
    if not 0 < width <= n_fft:
        raise call.refuse("expected 0 < win_length <= n_fft")
    if window is not None and (window.ndim != 1 or window.shape[0] != width):
        raise call.refuse("Invalid window shape. window has to be 1D and length of `win_length`")
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if window is not None and window.is_complex() and not return_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    return onesided


def _overlapped(frames, hop, total):
    """The sum (B, total) of frames (B, count, n), each ``hop`` after the one before."""
    columns = ops.fold(frames.transpose(1, 2), (1, total), (1, frames.shape[2]), stride=(1, hop))
    return columns.reshape(columns.shape[0], total)
