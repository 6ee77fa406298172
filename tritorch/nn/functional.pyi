# ruff: noqa
"""Written by scripts/make_stubs.py (`make docs`). Not to be edited."""

from builtins import bool as _bool, complex as _complex, float as _float, int as _int, str as _str
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..dtypes import dtype as _dtype
from ..tensor import Tensor as _Tensor

_Number = _bool | _int | _float | _complex

from ..dtypes import dtype as dtype
from ..tensor import Tensor as Tensor

def adaptive_avg_pool1d(input: _Tensor, output_size: Any) -> Any: ...
def adaptive_avg_pool2d(input: _Tensor, output_size: Any) -> Any: ...
def adaptive_avg_pool3d(input: _Tensor, output_size: Any) -> Any: ...
def adaptive_max_pool1d(input: _Tensor, output_size: Any, return_indices: _bool = False) -> Any: ...
def adaptive_max_pool2d(input: _Tensor, output_size: Any, return_indices: _bool = False) -> Any: ...
def adaptive_max_pool3d(input: _Tensor, output_size: Any, return_indices: _bool = False) -> Any: ...
def affine_grid(theta: _Tensor, size: Any, align_corners: Any = None) -> Any: ...
def alpha_dropout(input: _Tensor, p: _Number = 0.5, training: _bool = False, inplace: _bool = False) -> Any: ...
def avg_pool1d(
    input: _Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
) -> Any: ...
def avg_pool2d(
    input: _Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: Any = None,
) -> Any: ...
def avg_pool3d(
    input: _Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: Any = None,
) -> Any: ...
def batch_norm(
    input: _Tensor,
    running_mean: _Tensor | None = None,
    running_var: _Tensor | None = None,
    weight: _Tensor | None = None,
    bias: _Tensor | None = None,
    training: _bool = False,
    momentum: _Number = 0.1,
    eps: _Number = 1e-05,
) -> Any: ...
def bilinear(input1: _Tensor, input2: _Tensor, weight: _Tensor, bias: _Tensor | None = None) -> Any: ...
def binary_cross_entropy(
    input: _Tensor,
    target: _Tensor,
    weight: _Tensor | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> Any: ...
def binary_cross_entropy_with_logits(
    input: _Tensor,
    target: _Tensor,
    weight: _Tensor | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    pos_weight: _Tensor | None = None,
) -> Any: ...
def celu(input: _Tensor, alpha: _Tensor | _Number = 1.0, inplace: _bool = False) -> _Tensor: ...
def celu_(input: _Tensor, alpha: _Tensor | _Number = 1.0, inplace: _bool = False) -> _Tensor: ...
def channel_shuffle(input: _Tensor, groups: _Number) -> Any: ...
def conv1d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: _Number = 1,
) -> Any: ...
def conv2d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: _Number = 1,
) -> Any: ...
def conv3d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: _Number = 1,
) -> Any: ...
def conv_transpose1d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: _Number = 1,
    dilation: Any = 1,
) -> Any: ...
def conv_transpose2d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: _Number = 1,
    dilation: Any = 1,
) -> Any: ...
def conv_transpose3d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: _Number = 1,
    dilation: Any = 1,
) -> Any: ...
def cosine_embedding_loss(
    input1: _Tensor,
    input2: _Tensor,
    target: _Tensor,
    margin: _Number = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> Any: ...
def cosine_similarity(
    x1: _Tensor, x2: _Tensor, dim: Any = 1, eps: _Number = 1e-08, *, axis: _int | Sequence[_int] | None = None
) -> Any: ...
def cross_entropy(
    input: _Tensor,
    target: _Tensor,
    weight: _Tensor | None = None,
    size_average: Any = None,
    ignore_index: _Number = -100,
    reduce: Any = None,
    reduction: _str = "mean",
    label_smoothing: _Number = 0.0,
) -> Any: ...
def ctc_loss(
    log_probs: _Tensor,
    targets: _Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: _Number = 0,
    reduction: _str = "mean",
    zero_infinity: _bool = False,
) -> Any: ...
def dropout(input: _Tensor, p: _Number = 0.5, training: _bool = True, inplace: _bool = False) -> Any: ...
def dropout1d(input: _Tensor, p: _Number = 0.5, training: _bool = True, inplace: _bool = False) -> Any: ...
def dropout2d(input: _Tensor, p: _Number = 0.5, training: _bool = True, inplace: _bool = False) -> Any: ...
def dropout3d(input: _Tensor, p: _Number = 0.5, training: _bool = True, inplace: _bool = False) -> Any: ...
def elu(input: _Tensor, alpha: _Tensor | _Number = 1.0, inplace: _bool = False) -> _Tensor: ...
def elu_(input: _Tensor, alpha: _Tensor | _Number = 1.0, inplace: _bool = False) -> _Tensor: ...
def embedding(
    input: _Tensor,
    weight: _Tensor,
    padding_idx: Any = None,
    max_norm: Any = None,
    norm_type: _Number = 2.0,
    scale_grad_by_freq: _bool = False,
    sparse: _bool = False,
) -> Any: ...
def embedding_bag(
    input: _Tensor,
    weight: _Tensor,
    offsets: _Tensor | None = None,
    max_norm: Any = None,
    norm_type: _Number = 2,
    scale_grad_by_freq: _bool = False,
    mode: _str = "mean",
    sparse: _bool = False,
    per_sample_weights: _Tensor | None = None,
    include_last_offset: _bool = False,
    padding_idx: Any = None,
) -> Any: ...
def feature_alpha_dropout(input: _Tensor, p: _Number = 0.5, training: _bool = False, inplace: _bool = False) -> Any: ...
def fold(
    input: _Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any: ...
def fractional_max_pool2d(
    input: _Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: _bool = False,
    _random_samples: Any = None,
) -> Any: ...
def fractional_max_pool3d(
    input: _Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: _bool = False,
    _random_samples: Any = None,
) -> Any: ...
def gaussian_nll_loss(
    input: _Tensor, target: _Tensor, var: Any, full: _bool = False, eps: _Number = 1e-06, reduction: _str = "mean"
) -> Any: ...
def gelu(input: _Tensor, *, approximate: _str = "none", out: Any = None) -> _Tensor: ...
def glu(input: _Tensor, dim: _int = -1, *, axis: _int | Sequence[_int] | None = None) -> Any: ...
def grid_sample(
    input: _Tensor, grid: _Tensor, mode: _str = "bilinear", padding_mode: _str = "zeros", align_corners: Any = None
) -> Any: ...
def group_norm(
    input: _Tensor,
    num_groups: _Number,
    weight: _Tensor | None = None,
    bias: _Tensor | None = None,
    eps: _Number = 1e-05,
    cudnn_enabled: _bool = True,
) -> Any: ...
def gumbel_softmax(
    logits: _Tensor,
    tau: _Number = 1,
    hard: _bool = False,
    eps: _Number = 1e-10,
    dim: _Number = -1,
    *,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def hardshrink(input: _Tensor, lambd: _Number = 0.5, *, out: Any = None) -> _Tensor: ...
def hardsigmoid(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def hardsigmoid_(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def hardswish(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def hardswish_(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def hardtanh(input: _Tensor, min_val: _Number = -1.0, max_val: _Number = 1.0, inplace: _bool = False) -> _Tensor: ...
def hardtanh_(input: _Tensor, min_val: _Number = -1.0, max_val: _Number = 1.0, inplace: _bool = False) -> _Tensor: ...
def hinge_embedding_loss(
    input: _Tensor,
    target: _Tensor,
    margin: _Number = 1.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> Any: ...
def huber_loss(
    input: _Tensor, target: _Tensor, reduction: _str = "mean", delta: _Number = 1.0, weight: _Tensor | None = None
) -> Any: ...
def instance_norm(
    input: _Tensor,
    running_mean: _Tensor | None = None,
    running_var: _Tensor | None = None,
    weight: _Tensor | None = None,
    bias: _Tensor | None = None,
    use_input_stats: _bool = True,
    momentum: _Number = 0.1,
    eps: _Number = 1e-05,
) -> Any: ...
def interpolate(
    input: _Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: _str = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: _bool = False,
) -> Any: ...
def kl_div(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    log_target: _bool = False,
) -> Any: ...
def l1_loss(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    weight: _Tensor | None = None,
) -> Any: ...
def layer_norm(
    input: _Tensor,
    normalized_shape: Any,
    weight: _Tensor | None = None,
    bias: _Tensor | None = None,
    eps: _Number = 1e-05,
    cudnn_enable: _bool = True,
) -> Any: ...
def leaky_relu(input: _Tensor, negative_slope: _Tensor | _Number = 0.01, inplace: _bool = False) -> _Tensor: ...
def leaky_relu_(input: _Tensor, negative_slope: _Tensor | _Number = 0.01, inplace: _bool = False) -> _Tensor: ...
def linear(input: _Tensor, weight: _Tensor, bias: _Tensor | None = None) -> _Tensor: ...
def linear_cross_entropy(
    input: _Tensor,
    linear_weight: _Tensor,
    target: _Tensor,
    *,
    linear_bias: _Tensor | None = None,
    weight: _Tensor | None = None,
    reduction: _str = "mean",
    ignore_index: Any = None,
    label_smoothing: _Number = 0.0,
    options: Any = None,
) -> Any: ...
def local_response_norm(
    input: _Tensor, size: _Number, alpha: _Number = 0.0001, beta: _Number = 0.75, k: _Number = 1.0
) -> Any: ...
def log_softmax(
    input: _Tensor,
    dim: Any = None,
    _stacklevel: _Number = 3,
    dtype: _dtype | None = None,
    *,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def logsigmoid(input: _Tensor, *, out: Any = None) -> _Tensor: ...
def lp_pool1d(
    input: _Tensor, norm_type: _Number, kernel_size: Any, stride: Any = None, ceil_mode: _bool = False
) -> Any: ...
def lp_pool2d(
    input: _Tensor, norm_type: _Number, kernel_size: Any, stride: Any = None, ceil_mode: _bool = False
) -> Any: ...
def lp_pool3d(
    input: _Tensor, norm_type: _Number, kernel_size: Any, stride: Any = None, ceil_mode: _bool = False
) -> Any: ...
def margin_ranking_loss(
    input1: _Tensor,
    input2: _Tensor,
    target: _Tensor,
    margin: _Number = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> Any: ...
def max_pool1d(
    input: _Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
) -> Any: ...
def max_pool2d(
    input: _Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
) -> Any: ...
def max_pool3d(
    input: _Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
) -> Any: ...
def max_unpool1d(
    input: _Tensor, indices: _Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any: ...
def max_unpool2d(
    input: _Tensor, indices: _Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any: ...
def max_unpool3d(
    input: _Tensor, indices: _Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any: ...
def mish(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def mish_(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def mse_loss(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    weight: _Tensor | None = None,
) -> Any: ...
def multi_head_attention_forward(
    query: _Tensor,
    key: _Tensor,
    value: _Tensor,
    embed_dim_to_check: _Number,
    num_heads: _Number,
    in_proj_weight: _Tensor | None = None,
    in_proj_bias: _Tensor | None = None,
    bias_k: _Tensor | None = None,
    bias_v: _Tensor | None = None,
    add_zero_attn: _bool = False,
    dropout_p: _Number = 0.0,
    out_proj_weight: _Tensor | None = None,
    out_proj_bias: _Tensor | None = None,
    training: _bool = True,
    key_padding_mask: _Tensor | None = None,
    need_weights: _bool = True,
    attn_mask: _Tensor | None = None,
    use_separate_proj_weight: _bool = False,
    q_proj_weight: _Tensor | None = None,
    k_proj_weight: _Tensor | None = None,
    v_proj_weight: _Tensor | None = None,
    static_k: _Tensor | None = None,
    static_v: _Tensor | None = None,
    average_attn_weights: _bool = True,
    is_causal: _bool = False,
) -> Any: ...
def multi_margin_loss(
    input: _Tensor,
    target: _Tensor,
    p: _Number = 1,
    margin: _Number = 1.0,
    weight: _Tensor | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> Any: ...
def multilabel_margin_loss(
    input: _Tensor, target: _Tensor, size_average: Any = None, reduce: Any = None, reduction: _str = "mean"
) -> Any: ...
def multilabel_soft_margin_loss(
    input: _Tensor,
    target: _Tensor,
    weight: _Tensor | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> Any: ...
def nll_loss(
    input: _Tensor,
    target: _Tensor,
    weight: _Tensor | None = None,
    size_average: Any = None,
    ignore_index: _Number = -100,
    reduce: Any = None,
    reduction: _str = "mean",
) -> Any: ...
def normalize(
    input: _Tensor,
    p: _Number = 2.0,
    dim: Any = 1,
    eps: _Number = 1e-12,
    out: Any = None,
    *,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def one_hot(tensor: _Tensor, num_classes: _Number = -1) -> _Tensor: ...
def pad(input: _Tensor, pad: Any, mode: _str = "constant", value: Any = None) -> Any: ...
def pairwise_distance(
    x1: _Tensor,
    x2: _Tensor,
    p: _Number = 2.0,
    eps: _Number = 1e-06,
    keepdim: _bool = False,
    *,
    keepdims: _bool | None = None,
) -> Any: ...
def pdist(input: _Tensor, p: _Number = 2) -> Any: ...
def pixel_shuffle(input: _Tensor, upscale_factor: _Number) -> Any: ...
def pixel_unshuffle(input: _Tensor, downscale_factor: _Number) -> Any: ...
def poisson_nll_loss(
    input: _Tensor,
    target: _Tensor,
    log_input: _bool = True,
    full: _bool = False,
    size_average: Any = None,
    eps: _Number = 1e-08,
    reduce: Any = None,
    reduction: _str = "mean",
) -> Any: ...
def prelu(input: _Tensor, weight: _Tensor) -> Any: ...
def relu(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def relu6(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def relu6_(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def relu_(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def rms_norm(input: _Tensor, normalized_shape: Any, weight: _Tensor | None = None, eps: Any = None) -> Any: ...
def rrelu(
    input: _Tensor, lower: Any = 0.125, upper: Any = 0.3333333333333333, training: _bool = False, inplace: _bool = False
) -> Any: ...
def rrelu_(input: _Tensor, lower: Any = 0.125, upper: Any = 0.3333333333333333, training: _bool = False) -> Any: ...
def scaled_dot_product_attention(
    query: _Tensor,
    key: _Tensor,
    value: _Tensor,
    attn_mask: _Tensor | None = None,
    dropout_p: _Number = 0.0,
    is_causal: _bool = False,
    scale: Any = None,
    enable_gqa: _bool = False,
) -> Any: ...
def selu(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def selu_(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def sigmoid(input: _Tensor, *, out: Any = None) -> _Tensor: ...
def silu(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def silu_(input: _Tensor, inplace: _bool = False) -> _Tensor: ...
def smooth_l1_loss(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    beta: _Number = 1.0,
) -> Any: ...
def soft_margin_loss(
    input: _Tensor, target: _Tensor, size_average: Any = None, reduce: Any = None, reduction: _str = "mean"
) -> Any: ...
def softmax(
    input: _Tensor,
    dim: Any = None,
    _stacklevel: _Number = 3,
    dtype: _dtype | None = None,
    *,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def softmin(
    input: _Tensor,
    dim: Any = None,
    _stacklevel: _Number = 3,
    dtype: _dtype | None = None,
    *,
    axis: _int | Sequence[_int] | None = None,
) -> Any: ...
def softplus(input: _Tensor, beta: _Number = 1, threshold: _Number = 20, *, out: Any = None) -> _Tensor: ...
def softshrink(input: _Tensor, lambd: _Number = 0.5, *, out: Any = None) -> _Tensor: ...
def softsign(input: _Tensor) -> Any: ...
def tanh(input: _Tensor, *, out: Any = None) -> _Tensor: ...
def tanhshrink(input: _Tensor) -> Any: ...
def threshold(input: _Tensor, threshold: _Number, value: _Number, inplace: _bool = False) -> _Tensor: ...
def threshold_(input: _Tensor, threshold: _Number, value: _Number, inplace: _bool = False) -> _Tensor: ...
def triplet_margin_loss(
    anchor: _Tensor,
    positive: _Tensor,
    negative: _Tensor,
    margin: _Number = 1.0,
    p: _Number = 2,
    eps: _Number = 1e-06,
    swap: _bool = False,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> Any: ...
def triplet_margin_with_distance_loss(
    anchor: _Tensor,
    positive: _Tensor,
    negative: _Tensor,
    *,
    distance_function: Any = None,
    margin: _Number = 1.0,
    swap: _bool = False,
    reduction: _str = "mean",
) -> Any: ...
def unfold(input: _Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any: ...
def upsample(
    input: _Tensor, size: Any = None, scale_factor: Any = None, mode: _str = "nearest", align_corners: Any = None
) -> Any: ...
def upsample_bilinear(input: _Tensor, size: Any = None, scale_factor: Any = None) -> Any: ...
def upsample_nearest(input: _Tensor, size: Any = None, scale_factor: Any = None) -> Any: ...
