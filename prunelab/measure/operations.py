"""What each of torch's operators multiplies: formulas where the arithmetic is, and the operators that have
none.
"""

import itertools
import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

# a number of multiply-accumulates, and the operand that may be a weight with a mask: each of its elements
# takes part in equally many
Product: TypeAlias = tuple[int, Tensor | None]


class Unknown(Exception):
    """Raised by a formula for operands whose products it cannot count."""


def kept_entries(matrix: Tensor) -> int:
    """Return how many entries ``matrix`` stores: all of a dense tensor, the kept ones of a sparse one."""
    if matrix.layout == torch.strided:
        return matrix.numel()
    return (matrix._values() if matrix.layout == torch.sparse_coo else matrix.values()).numel()


def _matrices(a: Tensor, b: Tensor) -> list[Product]:
    """Return the products of ``(..., m, k) @ (..., k, n)``; a sparse matrix multiplies its kept entries."""
    if a.layout != torch.strided and b.layout != torch.strided:
        raise Unknown("of two sparse matrices")
    if b.layout != torch.strided:
        return [(kept_entries(b) * a.shape[-2], None)]
    macs = kept_entries(a) * b.shape[-1]
    return [(macs, a), (0, b)] if a.layout == torch.strided else [(macs, None)]


def _vector(a: Tensor, _: Tensor) -> list[Product]:
    return [(kept_entries(a), a if a.layout == torch.strided else None)]


def _convolution(call: dict[str, Any], out: Tensor) -> list[Product]:
    # each filter meets each place of the output; transposed, each place of the input
    places = call["input"] if call.get("transposed") else out
    return [(call["weight"].numel() * places.shape[0] * math.prod(places.shape[2:]), call["weight"])]


def _attention(call: dict[str, Any], out: Any) -> list[Product]:
    query, key, value = call["query"], call["key"], call["value"]
    # scores (..., L, S) from E numbers each, and their mix of the S values; the heads are those of the query
    pairs = math.prod(query.shape[:-1]) * key.shape[-2]
    return [(pairs * (query.shape[-1] + value.shape[-1]), None)]


def _recurrent(call: dict[str, Any], out: Any) -> list[Product]:
    # one layer, one direction: input (steps, batch, features), the weights of the input and of the state
    positions = math.prod(call["input"].shape[:2])
    return [(positions * call[name].numel(), call[name]) for name in ("weight0", "weight1")]


def _bilinear(call: dict[str, Any], out: Tensor) -> list[Product]:
    return [(math.prod(out.shape[:-1]) * call["weight"].numel(), call["weight"])]


def _bags(call: dict[str, Any], out: Any) -> list[Product]:
    # a sum of rows multiplies nothing, unless each row has a factor of its own
    factors = call.get("per_sample_weights")
    return [(0 if factors is None else factors.numel() * call["weight"].shape[1], None)]


def _grouped(call: dict[str, Any], out: Tensor) -> list[Product]:
    # experts: rows of a matrix, as far as ``offs``, times a matrix each; or matrices side by side
    a, b, ends = call["self"], call["mat2"], call.get("offs")
    if a.ndim == 2 and b.ndim == 3 and ends is not None:
        bounds = [0, *ends.tolist()]
        rows = [end - start for start, end in itertools.pairwise(bounds)]
        return [(n * b[0].numel(), b[i]) for i, n in enumerate(rows) if n]
    inner = a.shape[-1]  # summed over all of it, in parts that ``offs`` bounds, if both are matrices
    return [(math.prod(a.shape[:-1]) * inner * b.shape[-1], None)]


def _cosine(call: dict[str, Any], out: Tensor) -> list[Product]:
    # the products of the two; their lengths are a normalisation
    return [(torch.broadcast_shapes(call["x1"].shape, call["x2"].shape).numel(), None)]


def _vectors(call: dict[str, Any], out: Tensor) -> list[Product]:
    return [(torch.broadcast_shapes(call["x"].shape, call["y"].shape).numel(), None)]


def _packed(call: dict[str, Any], out: Tensor) -> list[Product]:
    return [(call["self"].numel() * out.shape[-1], None)]


def _quantized(call: dict[str, Any], out: Tensor) -> list[Product]:
    return [(call["X"].numel() * out.shape[-1], None)]


FORMULAS: dict[str, Callable[[dict[str, Any], Any], list[Product]]] = {
    "aten::mm": lambda call, out: _matrices(call["self"], call["mat2"]),
    "aten::bmm": lambda call, out: _matrices(call["self"], call["mat2"]),
    "aten::addmm": lambda call, out: _matrices(call["mat1"], call["mat2"]),
    "aten::baddbmm": lambda call, out: _matrices(call["batch1"], call["batch2"]),
    "aten::addbmm": lambda call, out: _matrices(call["batch1"], call["batch2"]),
    "aten::_sparse_addmm": lambda call, out: _matrices(call["mat1"], call["mat2"]),
    "aten::_int_mm": lambda call, out: _matrices(call["self"], call["mat2"]),
    "aten::_scaled_mm": lambda call, out: _matrices(call["self"], call["mat2"]),
    "aten::mv": lambda call, out: _vector(call["self"], call["vec"]),
    "aten::addmv": lambda call, out: _vector(call["mat"], call["vec"]),
    "aten::dot": lambda call, out: _vector(call["self"], call["tensor"]),
    "aten::vdot": lambda call, out: _vector(call["self"], call["other"]),
    "aten::sparse_sampled_addmm": lambda call, out: [
        (kept_entries(call["self"]) * call["mat1"].shape[-1], None)
    ],
    "aten::convolution": _convolution,
    "aten::_convolution": _convolution,
    "aten::conv_tbc": lambda call, out: [(call["weight"].numel() * out[..., 0].numel(), call["weight"])],
    "aten::bilinear": _bilinear,
    "aten::_grouped_mm": _grouped,
    "aten::cosine_similarity": _cosine,
    "aten::linalg_vecdot": _vectors,
    "aten::addr": lambda call, out: [(out.numel(), None)],
    # each place of the grid from the coordinates of a plain one, and a 1
    "aten::affine_grid_generator": lambda call, out: [(out.numel() * (out.shape[-1] + 1), None)],
    "aten::scaled_dot_product_attention": _attention,
    "aten::_scaled_dot_product_flash_attention_for_cpu": _attention,
    "aten::_scaled_dot_product_flash_attention": _attention,
    "aten::_scaled_dot_product_efficient_attention": _attention,
    "aten::_scaled_dot_product_cudnn_attention": _attention,
    "aten::_scaled_dot_product_fused_attention_overrideable": _attention,
    "aten::mkldnn_rnn_layer": _recurrent,
    "aten::_embedding_bag": _bags,
    "aten::_embedding_bag_forward_only": _bags,
    "aten::_weight_int8pack_mm": _packed,
    "aten::_weight_int4pack_mm_for_cpu": _packed,
    "quantized::linear": _quantized,
    "quantized::linear_relu": _quantized,
    "quantized::linear_dynamic": _quantized,
    "quantized::linear_relu_dynamic": _quantized,
    "torchvision::deform_conv2d": lambda call, out: [
        (call["weight"].numel() * out[:, 0].numel(), call["weight"])
    ],
}

# Operators without a product of two numbers that are summed: values made, moved, sorted, pooled, normalised,
# interpolated. Elementwise operators and reductions carry torch's own tags and need no name here. Compiled
# when it is needed (and kept, by ``re``): that takes a tenth of a second, which every import would pay.
FREE = (
    r"(aten::(_?(new_)?(empty|zeros|ones|full|rand|randn|randint|randperm|arange|linspace|eye|scalar_tensor)"
    r"(_like|_strided)?|normal|uniform|bernoulli|multinomial|exponential|log_normal|fill|zero|set|resize"
    r"|(lift|lift_fresh|clone|copy|_to_copy|to|contiguous|detach|alias|item|_local_scalar_dense|is_nonzero)"
    r"|(_unsafe_)?(index|view|masked_index)|_?index_(put|select|add|copy|fill)(_impl)?|_index_put_impl|index_put"
    r"|cat|stack|hstack|vstack|(unsafe_)?(split|chunk)\w*|unbind_copy|gather|scatter(_add|_reduce)?|masked_(fill|scatter|select)"
    r"|where|take|put|nonzero(_static)?|tril|triu|tril_indices|triu_indices|roll|flip|rot90|repeat|expand_copy"
    r"|repeat_interleave|as_strided|unfold|im2col|col2im|pixel_(un)?shuffle|channel_shuffle|native_channel_shuffle"
    r"|constant_pad_nd|(reflection|replication|circular)_pad\dd|pad|_pad_enum|block_diag|diag_embed|unique\w*"
    r"|_unique2?|sort|argsort|topk|kthvalue|median|nanmedian|mode|searchsorted|bucketize|histc|bincount"
    r"|(cumsum|cumprod|cummax|cummin|logcumsumexp|_cum(max|min)_helper|diff)|one_hot|embedding|equal|is_same_size"
    r"|(adaptive_|_adaptive_)?(max|avg)_pool[123]d(_with_indices)?|fractional_max_pool[23]d|max_unpool[23]d"
    r"|(_|native_|cudnn_|miopen_|_native_)?(batch|layer|group|instance)_norm\w*|_?(fused_)?rms_norm|_fused_rms_norm"
    r"|_weight_norm_interface|renorm|linalg_vector_norm|norm|(_log_|_|_safe_)softmax|glu|_prelu_kernel"
    r"|rrelu_with_noise|native_dropout|_?upsample_\w+|grid_sampler_[23]d|nll_loss\w*|\w+_loss|_ctc_loss"
    r"|_thnn_fused_gru_cell|_thnn_fused_lstm_cell|quantize_per_\w+|dequantize|_make_per_\w+_quantized_tensor"
    r"|q_scale|q_zero_point|int_repr|_choose_qparams\w*|fake_quantize\w*|_?to_(dense|sparse)\w*|_to_sparse\w*"
    r"|_validate_\w+|_sparse_\w+_tensor_unsafe|_sparse_\w+_with_dims\w*|sparse_mask|values_copy|_coalesce\w*"
    r"|_?assert\w*|_functional_assert\w*|sym_\w+|complex|polar|view_as_\w+_copy|_conj_physical|var_mean"
    r"|(hard)?(swish|tanh|sigmoid)|silu|mish|gelu|[cs]?elu|relu6?|leaky_relu|softplus|(log_)?sigmoid\w*|threshold"
    r"|std_mean|_linalg_check_errors|aminmax|lerp|random|_foreach_\w+|_pack_padded_sequence|_pad_packed_sequence|native_norm"
    r"|floor_divide|isin|allclose|range|logspace|fft_r?fftfreq|trace|dist|(hann|hamming|blackman|bartlett|kaiser)_window"
    r"|(select|slice|as_strided|diagonal)_scatter|index_reduce|segment_reduce|histogram\w*|_is_(all|any)_true|empty_permuted"
    r"|binary_cross_entropy\w*|poisson|cauchy|geometric|binomial|_standard_gamma|_sample_dirichlet|_fused_dropout|_masked_softmax"
    r"|_nested_(?!multi)\w+|(nested_)?to_padded_tensor|_jagged_to_padded_dense_forward|_padded_dense_to_jagged_forward|\w+_copy|_aminmax"
    r"|resize_as|_stack|_chunk_cat|sparse_(coo|compressed)_tensor|_sparse_((log_)?softmax|sum)|_?(sparse|dense)_?(dim|resize)\w*"
    r"|_nnz|is_coalesced|_convert_indices_\w+|lu_unpack|q_per_channel_\w+|_logcumsumexp|narrow_copy|qscheme)"
    r"|prim::\w+|prims::\w+|profiler::\w+|torchvision::(q?nms|q?roi_align|roi_pool|ps_roi_align|ps_roi_pool|_cuda_version)"
    r"|quantized::(add|mul|cat)(_relu|_scalar\w*)?|quantized::\w*(pool|norm|relu6|elu|clamp|sigmoid|softmax|hardswish)\w*)"
)
FREE_TAGS = {torch.Tag.pointwise} | ({torch.Tag.reduction} if hasattr(torch.Tag, "reduction") else set())


def free(operator: torch._ops.OpOverload) -> bool:
    """Return whether ``operator`` multiplies and adds nothing: elementwise, a reduction, a view, a copy."""
    name = operator._schema.name.rstrip("_")
    if operator.is_view or re.fullmatch(FREE, name):
        return True
    # an operator in place does what the one without the underscore does, and only that one has the tags
    namespace, _, plain = name.partition("::")
    packet = getattr(getattr(torch.ops, namespace), plain, None)
    twins = [getattr(packet, overload) for overload in packet.overloads()] if packet is not None else []
    return any(one.is_view or FREE_TAGS & set(one.tags) for one in (operator, *twins))
