"""What each operation does to the channels that reach it: a table from torch's name of the operation to a
rule.

A rule is a function of an ``Operation``. It couples what must go together, and says with ``op.carry`` which
tracks leave with the result. An operation without a rule keeps its channels: they get a reason and stay.

To teach one more operation, for example a library's own activation::

    from prunelab.surgery.elementwise import pointwise
    from prunelab.surgery.rules import RULES

    RULES["mylib.fast_relu"] = pointwise
"""

from collections.abc import Callable
from typing import Any

import torch

from prunelab.surgery import elementwise, mixing, movement, products
from prunelab.surgery.operation import Operation

POINTWISE = (
    "masked_fill masked_fill_ fill_ zero_ native_dropout zeros_like ones_like full_like empty_like rand_like"
    " randn_like bernoulli bernoulli_ dropout _prelu_kernel where isnan nan_to_num rrelu_with_noise"
    " clamp threshold"
    " hardswish hardswish_ hardsigmoid hardsigmoid_ hardtanh hardtanh_ silu mish softplus relu6"
    " leaky_relu elu celu"
    " selu gelu log_sigmoid_forward alpha_dropout uniform_ normal_ glu_jvp"
).split()
MOVES = (
    "permute transpose t unsqueeze squeeze slice select expand unbind"
    " repeat flip split_with_sizes narrow diagonal movedim swapaxes pixel_unshuffle numpy_T mT"
    " view_as_real unfold"
).split()
PICKS = "index index_select gather take_along_dim".split()
REDUCTIONS = (
    "mean amax amin max min std var var_mean std_mean norm linalg_vector_norm prod logsumexp any"
    " all argmax"
    " argmin cumsum cumprod _softmax softmax _log_softmax log_softmax _safe_softmax sort topk median"
    " count_nonzero logcumsumexp aminmax"
).split()
COPIES = "clone _to_copy lift_fresh lift alias detach detach_ contiguous _conj".split()
VIEWS = "view _unsafe_view reshape _reshape_alias".split()
SUMS = "sum nansum any linalg_vector_norm".split()
PRODUCTS = "mm bmm addmm baddbmm mv addmv dot".split()
RULES: dict[str, Callable[[Operation], None]] = {}
for _names, _rule in (
    (POINTWISE, elementwise.pointwise),
    (COPIES, elementwise.keep),
    (MOVES, movement.move),
    (VIEWS, movement.view),
    (PICKS, movement.pick),
    (REDUCTIONS, mixing.reduce),
    (SUMS, mixing.add_up),
    (PRODUCTS, products.product),
    (["convolution"], products.convolution),
    (["embedding"], products.embedding),
    (["cat", "stack"], movement.concatenate),
    (["split", "unsafe_split", "chunk"], movement.split),
    (["constant_pad_nd"], movement.pad),
    ("transpose_ t_ squeeze_ unsqueeze_ swapaxes_".split(), movement.move_in_place),
    (["as_strided_"], movement.restride),
    (["roll"], movement.roll),
    (["roi_align", "roi_pool"], mixing.spatial),
    (["pixel_shuffle"], movement.pixel_shuffle),
    (["channel_shuffle", "native_channel_shuffle"], movement.channel_shuffle),
    (["_weight_norm_interface"], mixing.weight_norm),
    (["copy_"], elementwise.written),
    ("new_empty new_zeros new_ones new_full new_empty_strided".split(), elementwise.blank),
    (
        ["native_batch_norm", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit"],
        mixing.batch_norm,
    ),
    (["native_group_norm"], mixing.group_norm),
    (["native_layer_norm"], mixing.layer_norm),
):
    for _name in _names:
        RULES.setdefault(_name, _rule)


def rule_of(func: Any) -> Callable[[Operation], None]:
    """Return the rule of an operation: by its full name, by its short one, or by its kind."""
    name = func._schema.name.replace("::", ".")
    short = name.split(".")[1]
    found = RULES.get(name) or RULES.get(short)
    if found is None and torch.Tag.pointwise in func.tags:
        return elementwise.pointwise
    if found is None and any(word in short for word in ("pool", "upsample", "pad")):
        return mixing.spatial
    return found or elementwise.unknown
