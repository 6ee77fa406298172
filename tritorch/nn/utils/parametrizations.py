"""Parametrizations that are ready to use: orthogonal, of given norms, of largest singular value 1."""

from ... import _api as tt
from ...tensor import Tensor
from .. import functional as F
from ..modules.module import Module
from . import parametrize
from ._norms import as_matrix, norm_except_dim, output_dim, power_step, random_unit, weight_normed
from ._orthogonal import MAPS, Orthogonal

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _tensor_of(module: Module, name: str) -> Tensor:
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return tensor


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keeps a matrix, or a batch of them, orthogonal: of orthonormal columns, or rows where there are fewer.

    Source: Lezcano-Casado, Trivializations for Gradient-Based Optimization on Manifolds (2019).

    Args:
        module (Module): whose tensor.
        name (str): which, of at least 2 dimensions, else ValueError. Default: ``"weight"``
        orthogonal_map (str, optional): ``"matrix_exp"`` or ``"cayley"`` of a skew matrix, or ``"householder"``, a
            product of reflections. Default: ``"matrix_exp"`` for square and complex matrices, else ``"householder"``
        use_trivialization (bool): keep the first matrix as the place from which to move, which lets any matrix be
            assigned. Default: ``True``

    Returns:
        the module.
    """
    weight = _tensor_of(module, name)
    if weight.dim() < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions.")
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    parametrization = Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, parametrization, unsafe=True)


class _WeightNorm(Module):
    """A weight from its norms and its direction."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_normed(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learns a weight as ``g v / |v|``: its norm, ``original0``, and its direction, ``original1``, apart.

    Source: Salimans and Kingma, Weight Normalization (2016).

    Args:
        module (Module): whose weight.
        name (str): which. Default: ``"weight"``
        dim (int or None): the dimension that keeps norms of its own; None for one norm of all. Default: 0

    Returns:
        the module. It loads states of :func:`tritorch.nn.utils.weight_norm` too.

    Example::

        >>> import tritorch
        >>> from tritorch.nn.utils.parametrizations import weight_norm
        >>> layer = weight_norm(tritorch.nn.Linear(20, 40))
        >>> layer.parametrizations.weight.original0.size()
        tritorch.Size([40, 1])
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict, prefix, *_):
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for index, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{index}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """A weight over its largest singular value, of which the vectors are estimated by power iteration."""

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        dims = weight.dim()
        if not -dims <= dim < dims:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{dims}, {dims - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % dims
        self.eps = eps
        if dims > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            self.register_buffer("_u", random_unit(matrix.detach(), matrix.size(0), eps))
            self.register_buffer("_v", random_unit(matrix.detach(), matrix.size(1), eps))
            self._power_method(matrix, 15)

    @tt.no_grad()
    def _power_method(self, matrix: Tensor, steps: int) -> None:
        for _ in range(steps):
            power_step(matrix, self._u, self._v, self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next call writes to the buffers
        return weight / tt.vdot(u, tt.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # a guess: a weight whose largest singular value is 1 already


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divides a weight by its largest singular value, which is estimated by power iteration at each call in training.

    Source: Miyato et al., Spectral Normalization for Generative Adversarial Networks (2018).

    Args:
        module (Module): whose weight.
        name (str): which. Default: ``"weight"``
        n_power_iterations (int): steps a call. Default: 1
        eps (float): the least norm to divide by. Default: 1e-12
        dim (int, optional): the dimension of the outputs. Default: 0, for transposed convolutions 1

    Returns:
        the module.

    Example::

        >>> import tritorch
        >>> from tritorch.nn.utils.parametrizations import spectral_norm
        >>> layer = spectral_norm(tritorch.nn.Linear(20, 40)).eval()
        >>> round(tritorch.linalg.matrix_norm(layer.weight, 2).item(), 1)
        1.0
    """
    weight = _tensor_of(module, name)
    parametrization = _SpectralNorm(weight, n_power_iterations, output_dim(module) if dim is None else dim, eps)
    return parametrize.register_parametrization(module, name, parametrization)
