# fmt: off
"""Written by scripts/make_stubs.py (`make docs`). Not to be edited."""

FAMILIES = {  # family: its operators, their functions, their attributes of Tensor
    "activation": (
        """hardshrink hardsigmoid hardswish hardtanh leaky_relu nn_functional_relu prelu prelu_kernel relu relu6
        relu_backward rrelu rrelu_ softshrink threshold""",
        """hardshrink nn.functional.hardshrink nn.functional.hardsigmoid nn.functional.hardsigmoid_
        nn.functional.hardswish nn.functional.hardswish_ nn.functional.hardtanh nn.functional.hardtanh_
        nn.functional.leaky_relu nn.functional.leaky_relu_ nn.functional.prelu nn.functional.relu
        nn.functional.relu6 nn.functional.relu6_ nn.functional.relu_ nn.functional.rrelu
        nn.functional.rrelu_ nn.functional.softshrink nn.functional.threshold nn.functional.threshold_
        prelu relu relu_ rrelu rrelu_ threshold threshold_""",
        """hardshrink prelu relu relu_""",
    ),
    "activation_smooth": (
        """celu elu gelu gelu_backward gelu_tanh_backward glu log_sigmoid_backward logsigmoid mish mish_backward selu
        silu silu_backward softplus softsign tanhshrink""",
        """celu celu_ nn.functional.celu nn.functional.celu_ nn.functional.elu nn.functional.elu_ nn.functional.gelu
        nn.functional.glu nn.functional.logsigmoid nn.functional.mish nn.functional.mish_
        nn.functional.selu nn.functional.selu_ nn.functional.silu nn.functional.silu_
        nn.functional.softplus nn.functional.softsign nn.functional.tanhshrink selu selu_""",
        """""",
    ),
    "arithmetic": (
        """add addcdiv addcmul div floor_divide fmod mul neg positive remainder rsub sub true_divide trunc_divide""",
        """add add_ addcdiv addcdiv_ addcmul addcmul_ div div_ divide divide_ floor_divide floor_divide_ fmod fmod_
        mul mul_ multiply multiply_ neg neg_ negative negative_ positive remainder remainder_ rsub sub
        sub_ subtract subtract_ true_divide true_divide_""",
        """__add__ __div__ __floordiv__ __iadd__ __idiv__ __ifloordiv__ __imod__ __imul__ __isub__ __itruediv__
        __mod__ __mul__ __neg__ __pos__ __radd__ __rdiv__ __rfloordiv__ __rmod__ __rmul__ __rsub__
        __rtruediv__ __sub__ __truediv__ add add_ addcdiv addcdiv_ addcmul addcmul_ div div_ divide
        divide_ floor_divide floor_divide_ fmod fmod_ mul mul_ multiply multiply_ neg neg_ negative
        negative_ positive remainder remainder_ sub sub_ subtract subtract_ true_divide true_divide_""",
    ),
    "attention": (
        """attention attention_backward scaled_dot_product_attention""",
        """nn.functional.scaled_dot_product_attention""",
        """""",
    ),
    "bessel": (
        """i0 special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1 special_i0e
        special_i1 special_i1e special_modified_bessel_i0 special_modified_bessel_i1
        special_modified_bessel_k0 special_modified_bessel_k1 special_scaled_modified_bessel_k0
        special_scaled_modified_bessel_k1 special_spherical_bessel_j0""",
        """i0 i0_ special.airy_ai special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1 special.i0
        special.i0e special.i1 special.i1e special.modified_bessel_i0 special.modified_bessel_i1
        special.modified_bessel_k0 special.modified_bessel_k1 special.scaled_modified_bessel_k0
        special.scaled_modified_bessel_k1 special.spherical_bessel_j0""",
        """i0 i0_""",
    ),
    "cast": (
        """bfloat16 bool byte cdouble cfloat char cpu cuda double float half int long short to transfer type type_as""",
        """""",
        """bfloat16 bool byte cdouble cfloat char cpu cuda double float half int long short to type type_as""",
    ),
    "compare": (
        """allclose eq equal ge gt isclose isfinite isinf isnan isneginf isposinf isreal le lt ne""",
        """allclose eq eq_ equal ge ge_ greater greater_ greater_equal greater_equal_ gt gt_ isclose isfinite isinf
        isnan isneginf isposinf isreal le le_ less less_ less_equal less_equal_ lt lt_ ne ne_ not_equal
        not_equal_""",
        """__eq__ __ge__ __gt__ __le__ __lt__ __ne__ allclose eq eq_ equal ge ge_ greater greater_ greater_equal
        greater_equal_ gt gt_ isclose isfinite isinf isnan isneginf isposinf isreal le le_ less less_
        less_equal less_equal_ lt lt_ ne ne_ not_equal not_equal_""",
    ),
    "complex": (
        """complex conj conj_physical imag polar real real_part resolve_conj resolve_neg view_as_complex view_as_real""",
        """complex conj conj_physical conj_physical_ imag polar real resolve_conj resolve_neg view_as_complex
        view_as_real""",
        """conj conj_physical conj_physical_ imag real resolve_conj resolve_neg""",
    ),
    "conv": (
        """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution convolution_input
        convolution_weight""",
        """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d nn.functional.conv1d
        nn.functional.conv2d nn.functional.conv3d nn.functional.conv_transpose1d
        nn.functional.conv_transpose2d nn.functional.conv_transpose3d""",
        """""",
    ),
    "copies": (
        """alias_copy as_strided_copy detach_copy diagonal_copy expand_copy narrow_copy permute_copy select_copy
        slice_copy split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy
        unfold_copy unsqueeze_copy view_as_complex_copy view_as_real_copy view_copy""",
        """alias_copy as_strided_copy detach_copy diagonal_copy expand_copy narrow_copy permute_copy select_copy
        slice_copy split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy
        unfold_copy unsqueeze_copy view_as_complex_copy view_as_real_copy view_copy""",
        """narrow_copy""",
    ),
    "copy": (
        """clone copy detach fill fill_diagonal zero""",
        """clone detach fill fill_""",
        """clone copy_ fill_ fill_diagonal_ zero_""",
    ),
    "create": (
        """empty empty_permuted empty_strided eye full ones zeros""",
        """empty empty_permuted empty_strided eye full ones zeros""",
        """""",
    ),
    "ctc": (
        """ctc_backward ctc_loss ctc_of""",
        """nn.functional.ctc_loss""",
        """""",
    ),
    "differences": (
        """gradient""",
        """gradient""",
        """""",
    ),
    "distance": (
        """bilinear cdist cosine_similarity pairwise_distance pdist row_norm""",
        """cdist cosine_similarity nn.functional.bilinear nn.functional.cosine_similarity
        nn.functional.pairwise_distance nn.functional.pdist pairwise_distance pdist""",
        """""",
    ),
    "dropout": (
        """alpha_dropout dropout dropout1d dropout2d dropout3d feature_alpha_dropout nn_functional_dropout""",
        """dropout nn.functional.alpha_dropout nn.functional.dropout nn.functional.dropout1d nn.functional.dropout2d
        nn.functional.dropout3d nn.functional.feature_alpha_dropout""",
        """""",
    ),
    "einsum": (
        """einsum""",
        """einsum""",
        """""",
    ),
    "embed": (
        """as_strided_scatter diagonal_scatter select_scatter slice_scatter strided_scatter window_scatter""",
        """as_strided_scatter diagonal_scatter select_scatter slice_scatter""",
        """as_strided_scatter diagonal_scatter select_scatter slice_scatter""",
    ),
    "embedding": (
        """embedding embedding_bag embedding_grad embedding_rows one_hot""",
        """nn.functional.embedding nn.functional.embedding_bag nn.functional.one_hot""",
        """""",
    ),
    "exponential": (
        """exp exp2 expm1 log log10 log1p log2 logaddexp logaddexp2 logit sigmoid sigmoid_backward special_xlog1py
        xlogy""",
        """exp exp2 exp2_ exp_ expm1 expm1_ log log10 log10_ log1p log1p_ log2 log2_ log_ logaddexp logaddexp2 logit
        logit_ nn.functional.sigmoid sigmoid sigmoid_ special.exp2 special.expit special.expm1
        special.log1p special.logit special.xlog1py special.xlogy xlogy xlogy_""",
        """exp exp2 exp2_ exp_ expm1 expm1_ log log10 log10_ log1p log1p_ log2 log2_ log_ logaddexp logaddexp2 logit
        logit_ sigmoid sigmoid_ xlogy xlogy_""",
    ),
    "extrema": (
        """amax amin aminmax argmax argmin max max_along max_of min min_along min_of share_among_equals""",
        """amax amin aminmax argmax argmin max min""",
        """amax amin aminmax argmax argmin max min""",
    ),
    "extremes": (
        """clamp clamp_max clamp_min fmax fmin maximum minimum nan_to_num where""",
        """clamp clamp_ clamp_max clamp_max_ clamp_min clamp_min_ clip clip_ fmax fmin maximum minimum nan_to_num
        nan_to_num_ where""",
        """clamp clamp_ clamp_max clamp_max_ clamp_min clamp_min_ clip clip_ fmax fmin maximum minimum nan_to_num
        nan_to_num_ where""",
    ),
    "fft": (
        """c2c c2r fft_fft fft_fft2 fft_fftfreq fft_fftn fft_fftshift fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2
        fft_ifftn fft_ifftshift fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_rfft
        fft_rfft2 fft_rfftfreq fft_rfftn r2c""",
        """fft.fft fft.fft2 fft.fftfreq fft.fftn fft.fftshift fft.hfft fft.hfft2 fft.hfftn fft.ifft fft.ifft2
        fft.ifftn fft.ifftshift fft.ihfft fft.ihfft2 fft.ihfftn fft.irfft fft.irfft2 fft.irfftn fft.rfft
        fft.rfft2 fft.rfftfreq fft.rfftn""",
        """""",
    ),
    "gather": (
        """argwhere gather index_select masked_select nonzero nonzero_static put take take_along_dim unravel_index""",
        """argwhere gather index_select masked_select nonzero nonzero_static put put_ take take_along_dim
        unravel_index""",
        """argwhere gather index_select masked_select nonzero nonzero_static put put_ take take_along_dim""",
    ),
    "hashing": (
        """hash_tensor""",
        """hash_tensor""",
        """hash_tensor""",
    ),
    "histogram": (
        """histc histogram histogramdd""",
        """histc histogram histogramdd""",
        """histc histogram""",
    ),
    "householder": (
        """geqrf linalg_householder_product ormqr""",
        """geqrf linalg.householder_product orgqr ormqr""",
        """geqrf ormqr""",
    ),
    "index": (
        """getitem index index_backward index_put setitem slice_""",
        """index_put index_put_""",
        """__getitem__ __setitem__ index_put index_put_""",
    ),
    "indexed": (
        """index_add index_copy index_fill index_reduce""",
        """index_add index_add_ index_copy index_copy_ index_fill index_fill_ index_reduce index_reduce_""",
        """index_add index_add_ index_copy index_copy_ index_fill index_fill_ index_reduce index_reduce_""",
    ),
    "interpolate": (
        """interpolate resize_dim resize_dim_backward upsample upsample_bilinear upsample_nearest""",
        """nn.functional.interpolate nn.functional.upsample nn.functional.upsample_bilinear
        nn.functional.upsample_nearest""",
        """""",
    ),
    "join": (
        """_blocks block_diag cartesian_prod cat column_stack combinations dstack hstack meshgrid stack vstack""",
        """block_diag cartesian_prod cat column_stack combinations concat concatenate dstack hstack meshgrid
        row_stack stack vstack""",
        """combinations""",
    ),
    "like": (
        """empty_like full_like new new_empty new_empty_strided new_full new_ones new_tensor new_zeros ones_like
        zeros_like""",
        """empty_like full_like ones_like zeros_like""",
        """new new_empty new_empty_strided new_full new_ones new_tensor new_zeros""",
    ),
    "linalg_decompose": (
        """cholesky cholesky_inverse cholesky_of cholesky_solve cholesky_solved eig_of eigh_of linalg_cholesky
        linalg_cholesky_ex linalg_eig linalg_eigh linalg_eigvals linalg_eigvalsh linalg_qr linalg_svd
        linalg_svdvals qr qr_of svd svd_of""",
        """cholesky cholesky_inverse cholesky_solve linalg.cholesky linalg.cholesky_ex linalg.eig linalg.eigh
        linalg.eigvals linalg.eigvalsh linalg.qr linalg.svd linalg.svdvals qr svd""",
        """cholesky cholesky_inverse cholesky_solve qr svd""",
    ),
    "linalg_ldl": (
        """linalg_ldl_factor linalg_ldl_factor_ex linalg_ldl_solve""",
        """linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve""",
        """""",
    ),
    "linalg_lowrank": (
        """pca_lowrank svd_lowrank""",
        """pca_lowrank svd_lowrank""",
        """""",
    ),
    "linalg_lu": (
        """linalg_lu linalg_lu_factor linalg_lu_factor_ex linalg_lu_solve lu lu_of lu_solve lu_unpack pivot_rows""",
        """linalg.lu linalg.lu_factor linalg.lu_factor_ex linalg.lu_solve lu lu_solve lu_unpack""",
        """lu lu_solve""",
    ),
    "linalg_norms": (
        """cross length_of linalg_cond linalg_cross linalg_diagonal linalg_matrix_exp linalg_matrix_norm
        linalg_matrix_power linalg_matrix_rank linalg_multi_dot linalg_norm linalg_pinv linalg_vander
        linalg_vecdot linalg_vector_norm matrix_exp matrix_power pinverse power_norm_of pseudo_inverse
        trace vector_norm_of""",
        """cross linalg.cond linalg.cross linalg.diagonal linalg.matrix_exp linalg.matrix_norm linalg.matrix_power
        linalg.matrix_rank linalg.multi_dot linalg.norm linalg.pinv linalg.vander linalg.vecdot
        linalg.vector_norm matrix_exp matrix_power pinverse trace""",
        """cross matrix_exp matrix_power pinverse trace""",
    ),
    "linalg_solve": (
        """cofactors det det_of inverse inverse_of linalg_det linalg_inv linalg_inv_ex linalg_lstsq linalg_slogdet
        linalg_solve linalg_solve_ex linalg_solve_triangular linalg_tensorinv linalg_tensorsolve logdet
        slogdet slogdet_of solve_square tensor_of triangular_of triangular_solve""",
        """det inverse linalg.det linalg.inv linalg.inv_ex linalg.inverse linalg.lstsq linalg.slogdet linalg.solve
        linalg.solve_ex linalg.solve_triangular linalg.tensorinv linalg.tensorsolve logdet slogdet
        triangular_solve""",
        """det inverse logdet slogdet triangular_solve""",
    ),
    "logic": (
        """bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor gcd lcm logical_and
        logical_not logical_or logical_xor""",
        """bitwise_and bitwise_and_ bitwise_left_shift bitwise_left_shift_ bitwise_not bitwise_not_ bitwise_or
        bitwise_or_ bitwise_right_shift bitwise_right_shift_ bitwise_xor bitwise_xor_ gcd gcd_ lcm lcm_
        logical_and logical_and_ logical_not logical_not_ logical_or logical_or_ logical_xor logical_xor_""",
        """__and__ __iand__ __ilshift__ __invert__ __ior__ __irshift__ __ixor__ __lshift__ __or__ __rand__
        __rlshift__ __ror__ __rrshift__ __rshift__ __rxor__ __xor__ bitwise_and bitwise_and_
        bitwise_left_shift bitwise_left_shift_ bitwise_not bitwise_not_ bitwise_or bitwise_or_
        bitwise_right_shift bitwise_right_shift_ bitwise_xor bitwise_xor_ gcd gcd_ lcm lcm_ logical_and
        logical_and_ logical_not logical_not_ logical_or logical_or_ logical_xor logical_xor_""",
    ),
    "loss": (
        """cross_entropy entropy entropy_backward linear_cross_entropy nll nll_backward nll_loss""",
        """nn.functional.cross_entropy nn.functional.linear_cross_entropy nn.functional.nll_loss""",
        """""",
    ),
    "loss_margin": (
        """cosine_embedding_loss hinge_embedding_loss margin_ranking_loss multi_margin_loss multilabel_margin_loss
        multilabel_soft_margin_loss triplet_margin_loss triplet_margin_with_distance_loss""",
        """nn.functional.cosine_embedding_loss nn.functional.hinge_embedding_loss nn.functional.margin_ranking_loss
        nn.functional.multi_margin_loss nn.functional.multilabel_margin_loss
        nn.functional.multilabel_soft_margin_loss nn.functional.triplet_margin_loss
        nn.functional.triplet_margin_with_distance_loss""",
        """""",
    ),
    "loss_regression": (
        """bce_logits_terms bce_terms binary_cross_entropy binary_cross_entropy_with_logits gaussian_nll_loss
        huber_loss huber_terms kl_div kl_terms l1_loss mse_loss poisson_nll_loss smooth_l1_loss
        soft_margin_loss""",
        """nn.functional.binary_cross_entropy nn.functional.binary_cross_entropy_with_logits
        nn.functional.gaussian_nll_loss nn.functional.huber_loss nn.functional.kl_div
        nn.functional.l1_loss nn.functional.mse_loss nn.functional.poisson_nll_loss
        nn.functional.smooth_l1_loss nn.functional.soft_margin_loss""",
        """""",
    ),
    "masked": (
        """masked_fill masked_scatter""",
        """masked_fill masked_fill_ masked_scatter masked_scatter_""",
        """masked_fill masked_fill_ masked_scatter masked_scatter_""",
    ),
    "masked_reduction": (
        """masked_amax masked_amin masked_argmax masked_argmin masked_cumprod masked_cumsum masked_log_softmax
        masked_logaddexp masked_logsumexp masked_mean masked_median masked_norm masked_normalize
        masked_prod masked_softmax masked_softmin masked_std masked_sum masked_var""",
        """masked.amax masked.amin masked.argmax masked.argmin masked.cumprod masked.cumsum masked.log_softmax
        masked.logaddexp masked.logsumexp masked.mean masked.median masked.norm masked.normalize
        masked.prod masked.softmax masked.softmin masked.std masked.sum masked.var""",
        """""",
    ),
    "matmul": (
        """linear matmul mm""",
        """linalg.matmul matmul mm nn.functional.linear""",
        """__matmul__ __rmatmul__ matmul mm""",
    ),
    "methods": (
        """apply_ as_subclass detach_ dim_order map2_ map_ pin_memory record_stream resize resize_as resize_as_
        to_dense zero_""",
        """detach_ resize_as_ zero_""",
        """apply_ as_subclass dim_order map2_ map_ pin_memory record_stream resize resize_as to_dense""",
    ),
    "multihead": (
        """multi_head_attention_forward""",
        """nn.functional.multi_head_attention_forward""",
        """""",
    ),
    "norm": (
        """batch_norm group_norm instance_norm layer_norm local_response_norm native_batch_norm native_group_norm
        native_layer_norm normalize rms_back rms_norm rms_standardize standardize standardize_back
        torch_batch_norm""",
        """batch_norm group_norm layer_norm native_batch_norm native_group_norm native_layer_norm
        nn.functional.batch_norm nn.functional.group_norm nn.functional.instance_norm
        nn.functional.layer_norm nn.functional.local_response_norm nn.functional.normalize
        nn.functional.rms_norm rms_norm""",
        """""",
    ),
    "pad": (
        """constant_pad constant_pad_nd mirror_pad mirror_pad_backward pad""",
        """constant_pad_nd nn.functional.pad""",
        """""",
    ),
    "polynomial": (
        """special_chebyshev_polynomial_t special_chebyshev_polynomial_u special_chebyshev_polynomial_v
        special_chebyshev_polynomial_w special_hermite_polynomial_h special_hermite_polynomial_he
        special_laguerre_polynomial_l special_legendre_polynomial_p special_shifted_chebyshev_polynomial_t
        special_shifted_chebyshev_polynomial_u special_shifted_chebyshev_polynomial_v
        special_shifted_chebyshev_polynomial_w""",
        """special.chebyshev_polynomial_t special.chebyshev_polynomial_u special.chebyshev_polynomial_v
        special.chebyshev_polynomial_w special.hermite_polynomial_h special.hermite_polynomial_he
        special.laguerre_polynomial_l special.legendre_polynomial_p special.shifted_chebyshev_polynomial_t
        special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v
        special.shifted_chebyshev_polynomial_w""",
        """""",
    ),
    "pool": (
        """adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
        adaptive_max_pool3d average_windows avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d
        max_pool3d max_windows max_windows_backward spread_windows""",
        """adaptive_avg_pool1d adaptive_max_pool1d avg_pool1d max_pool1d max_pool2d max_pool3d
        nn.functional.adaptive_avg_pool1d nn.functional.adaptive_avg_pool2d
        nn.functional.adaptive_avg_pool3d nn.functional.adaptive_max_pool1d
        nn.functional.adaptive_max_pool2d nn.functional.adaptive_max_pool3d nn.functional.avg_pool1d
        nn.functional.avg_pool2d nn.functional.avg_pool3d nn.functional.max_pool1d
        nn.functional.max_pool2d nn.functional.max_pool3d""",
        """""",
    ),
    "power": (
        """float_power frexp hypot ldexp lerp pow reciprocal rsqrt sqrt square""",
        """float_power float_power_ frexp hypot hypot_ ldexp ldexp_ lerp lerp_ pow pow_ reciprocal reciprocal_ rsqrt
        rsqrt_ sqrt sqrt_ square square_""",
        """__ipow__ __pow__ __rpow__ float_power float_power_ frexp hypot hypot_ ldexp ldexp_ lerp lerp_ pow pow_
        reciprocal reciprocal_ rsqrt rsqrt_ sqrt sqrt_ square square_""",
    ),
    "products": (
        """addbmm addmm addmv addr baddbmm bmm chain_matmul dot inner kron mv outer tensordot vdot""",
        """addbmm addbmm_ addmm addmm_ addmv addmv_ addr addr_ baddbmm baddbmm_ bmm chain_matmul dot ger inner kron
        mv outer tensordot vdot""",
        """addbmm addbmm_ addmm addmm_ addmv addmv_ addr addr_ baddbmm baddbmm_ bmm dot ger inner kron mv outer vdot""",
    ),
    "random": (
        """cauchy exponential geometric log_normal normal_fill rand rand_like randint randint_between randint_like
        randn randn_like random_fill randperm uniform""",
        """rand rand_like randint randint_like randn randn_like randperm""",
        """cauchy_ exponential_ geometric_ log_normal_ normal_ random_ uniform_""",
    ),
    "random_of": (
        """bernoulli bernoulli_fill bernoulli_of dropout_mask multinomial normal normal_of poisson""",
        """bernoulli multinomial normal poisson""",
        """bernoulli bernoulli_ multinomial""",
    ),
    "ranges": (
        """arange linspace logspace range""",
        """arange linspace logspace range""",
        """""",
    ),
    "recurrent": (
        """gru_sequence gru_sequence_backward lstm_sequence lstm_sequence_backward rnn_sequence rnn_sequence_backward""",
        """""",
        """""",
    ),
    "reduction": (
        """all any count_nonzero logsumexp logsumexp_of mean nanmean nansum prod prod_of product_of_others sum
        sum_to_size""",
        """all any count_nonzero logsumexp mean nanmean nansum prod special.logsumexp sum""",
        """all any count_nonzero logsumexp mean nanmean nansum prod sum sum_to_size""",
    ),
    "repeat": (
        """flip fliplr flipud repeat repeat_interleave roll rot90 tile""",
        """flip fliplr flipud repeat_interleave roll rot90 tile""",
        """flip fliplr flipud repeat repeat_interleave roll rot90 tile""",
    ),
    "reshape": (
        """contiguous flatten ravel reshape reshape_as unflatten view view_as view_dtype""",
        """flatten ravel reshape unflatten""",
        """contiguous flatten ravel reshape reshape_as unflatten view view_as""",
    ),
    "rounding": (
        """abs ceil copysign floor frac heaviside nextafter round sgn sign signbit trunc""",
        """abs abs_ absolute absolute_ ceil ceil_ copysign copysign_ fix fix_ floor floor_ frac frac_ heaviside
        heaviside_ nextafter nextafter_ round round_ sgn sgn_ sign sign_ signbit special.round trunc
        trunc_""",
        """__abs__ abs abs_ absolute absolute_ ceil ceil_ copysign copysign_ fix fix_ floor floor_ frac frac_
        heaviside heaviside_ nextafter nextafter_ round round_ sgn sgn_ sign sign_ signbit trunc trunc_""",
    ),
    "scan": (
        """cummax cummin cumprod cumsum cumsum_from_end cumulative_trapezoid diff logcumsumexp logcumsumexp_from_end
        trapezoid trapz""",
        """cummax cummin cumprod cumprod_ cumsum cumsum_ cumulative_trapezoid diff logcumsumexp trapezoid trapz""",
        """cummax cummin cumprod cumprod_ cumsum cumsum_ diff logcumsumexp""",
    ),
    "scatter": (
        """scatter scatter_add scatter_reduce""",
        """scatter scatter_ scatter_add scatter_add_ scatter_reduce scatter_reduce_""",
        """scatter scatter_ scatter_add scatter_add_ scatter_reduce scatter_reduce_""",
    ),
    "search": (
        """bincount bucketize isin searchsorted""",
        """bincount bucketize isin searchsorted""",
        """bincount""",
    ),
    "softmax": (
        """gumbel_softmax log_softmax log_softmax_backward log_softmax_of nn_functional_log_softmax
        nn_functional_softmax softmax softmax_backward softmax_of softmin""",
        """log_softmax nn.functional.gumbel_softmax nn.functional.log_softmax nn.functional.softmax
        nn.functional.softmin softmax special.log_softmax special.softmax""",
        """log_softmax softmax""",
    ),
    "sort": (
        """argsort kthvalue median median_along median_of mode msort nanmedian nanmedian_along nanmedian_of sort topk""",
        """argsort kthvalue median mode msort nanmedian sort topk""",
        """argsort kthvalue median mode msort nanmedian sort topk""",
    ),
    "special": (
        """derivative_of_digamma digamma erf erfc erfinv igamma igammac lgamma mvlgamma polygamma special_entr
        special_erfcx special_log_ndtr special_ndtr special_ndtri special_zeta""",
        """digamma digamma_ erf erf_ erfc erfc_ erfinv erfinv_ igamma igamma_ igammac igammac_ lgamma lgamma_
        mvlgamma mvlgamma_ polygamma special.digamma special.entr special.erf special.erfc special.erfcx
        special.erfinv special.gammainc special.gammaincc special.gammaln special.log_ndtr
        special.multigammaln special.ndtr special.ndtri special.polygamma special.psi special.zeta""",
        """digamma digamma_ erf erf_ erfc erfc_ erfinv erfinv_ igamma igamma_ igammac igammac_ lgamma lgamma_
        mvlgamma mvlgamma_ polygamma polygamma_""",
    ),
    "spectrogram": (
        """istft stft""",
        """istft stft""",
        """istft stft""",
    ),
    "split": (
        """chunk dsplit hsplit split split_with_sizes tensor_split unbind unsafe_chunk unsafe_split
        unsafe_split_with_sizes vsplit""",
        """chunk dsplit hsplit split split_with_sizes tensor_split unbind unsafe_chunk unsafe_split
        unsafe_split_with_sizes vsplit""",
        """chunk dsplit hsplit split split_with_sizes tensor_split unbind unsafe_chunk unsafe_split
        unsafe_split_with_sizes vsplit""",
    ),
    "statistics": (
        """corrcoef cov nanquantile quantile std std_mean std_of var var_mean var_of""",
        """corrcoef cov nanquantile quantile std std_mean var var_mean""",
        """corrcoef cov nanquantile quantile std var""",
    ),
    "triangle": (
        """diag diag_embed diagflat tril tril_indices triu triu_indices""",
        """diag diag_embed diagflat tril tril_ tril_indices triu triu_ triu_indices""",
        """diag diag_embed diagflat tril tril_ triu triu_""",
    ),
    "trigonometric": (
        """acos acosh angle asin asinh atan atan2 atanh cos cosh deg2rad rad2deg sin sinc sinh tan tanh tanh_backward""",
        """acos acos_ acosh acosh_ angle arccos arccos_ arccosh arccosh_ arcsin arcsin_ arcsinh arcsinh_ arctan
        arctan2 arctan2_ arctan_ arctanh arctanh_ asin asin_ asinh asinh_ atan atan2 atan2_ atan_ atanh
        atanh_ cos cos_ cosh cosh_ deg2rad deg2rad_ nn.functional.tanh rad2deg rad2deg_ sin sin_ sinc
        sinc_ sinh sinh_ special.sinc tan tan_ tanh tanh_""",
        """acos acos_ acosh acosh_ angle arccos arccos_ arccosh arccosh_ arcsin arcsin_ arcsinh arcsinh_ arctan
        arctan2 arctan2_ arctan_ arctanh arctanh_ asin asin_ asinh asinh_ atan atan2 atan2_ atan_ atanh
        atanh_ cos cos_ cosh cosh_ deg2rad deg2rad_ rad2deg rad2deg_ sin sin_ sinc sinc_ sinh sinh_ tan
        tan_ tanh tanh_""",
    ),
    "unique": (
        """unique unique_consecutive""",
        """unique unique_consecutive""",
        """unique unique_consecutive""",
    ),
    "unpool": (
        """fractional_max_pool2d fractional_max_pool3d fractional_windows lp_pool1d lp_pool2d lp_pool3d max_unpool1d
        max_unpool2d max_unpool3d unpool_planes""",
        """nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d nn.functional.lp_pool1d
        nn.functional.lp_pool2d nn.functional.lp_pool3d nn.functional.max_unpool1d
        nn.functional.max_unpool2d nn.functional.max_unpool3d""",
        """""",
    ),
    "vector_norm": (
        """dist norm norm_of renorm""",
        """dist norm renorm renorm_""",
        """dist norm renorm renorm_""",
    ),
    "view": (
        """H T adjoint alias atleast_1d atleast_2d atleast_3d broadcast_tensors broadcast_to expand expand_as mH mT
        movedim permute squeeze swapaxes t transpose unsqueeze""",
        """adjoint atleast_1d atleast_2d atleast_3d broadcast_tensors broadcast_to moveaxis movedim permute squeeze
        squeeze_ swapaxes swapaxes_ swapdims swapdims_ t t_ transpose transpose_ unsqueeze unsqueeze_""",
        """H T adjoint broadcast_to expand expand_as mH mT moveaxis movedim permute squeeze squeeze_ swapaxes
        swapaxes_ swapdims swapdims_ t t_ transpose transpose_ unsqueeze unsqueeze_""",
    ),
    "vision": (
        """affine_grid channel_shuffle columns_to_windows fold grid_sample grid_sampler_2d grid_sampler_3d
        nn_functional_unfold pixel_shuffle pixel_unshuffle windows_to_columns""",
        """channel_shuffle grid_sampler_2d grid_sampler_3d nn.functional.affine_grid nn.functional.channel_shuffle
        nn.functional.fold nn.functional.grid_sample nn.functional.pixel_shuffle
        nn.functional.pixel_unshuffle nn.functional.unfold pixel_shuffle pixel_unshuffle""",
        """""",
    ),
    "window": (
        """as_strided as_strided_ diagonal diagonal_backward narrow select strided_backward strided_regather
        strided_window unfold unfold_backward window_backward""",
        """as_strided as_strided_ diagonal narrow select""",
        """as_strided as_strided_ diagonal narrow select strided_window_ unfold""",
    ),
    "windows": (
        """bartlett_window blackman_window hamming_window hann_window kaiser_window signal_windows_bartlett
        signal_windows_blackman signal_windows_cosine signal_windows_exponential signal_windows_gaussian
        signal_windows_general_cosine signal_windows_general_hamming signal_windows_hamming
        signal_windows_hann signal_windows_kaiser signal_windows_nuttall""",
        """bartlett_window blackman_window hamming_window hann_window kaiser_window signal.windows.bartlett
        signal.windows.blackman signal.windows.cosine signal.windows.exponential signal.windows.gaussian
        signal.windows.general_cosine signal.windows.general_hamming signal.windows.hamming
        signal.windows.hann signal.windows.kaiser signal.windows.nuttall""",
        """""",
    ),
}
