"""What is kept or dropped together: one score per group of weights, shaped to broadcast over the weight."""

import torch

from prunelab import arguments

# the dimensions that are summed into one score, for a convolution (out, in, kh, kw) and for a matrix (out,
# in)
_CONV = {
    "weight": (),
    "vector": (3,),
    "kernel": (2, 3),
    "filter": (1, 2, 3),
    "channel": (0, 2, 3),
    "layer": (0, 1, 2, 3),
}
_MATRIX = {"weight": (), "vector": (1,), "filter": (1,), "channel": (0,), "layer": (0, 1)}
GRANULARITIES = tuple(_CONV)


def group_scores(weight: torch.Tensor, granularity: str, norm: int = 2) -> torch.Tensor:
    """Return one score per group of ``weight``: the L1 or L2 norm of the group, with size 1 in the dimensions
    it spans.

    ``weight`` is ``(out, in, kh, kw)`` of a convolution or ``(out, in)`` of a Linear layer. ``granularity``
    and the shape returned:

    ========= =========================== ================== =================
    name      a group is                  convolution        matrix
    ========= =========================== ================== =================
    weight    one weight                  (out, in, kh, kw)  (out, in)
    vector    one row of one kernel       (out, in, kh, 1)   (out, 1), one row
    kernel    ``W[o, i]``                 (out, in, 1, 1)    has none
    filter    ``W[o]``: makes output o    (out, 1, 1, 1)     (out, 1), one row
    channel   ``W[:, i]``: reads input i  (1, in, 1, 1)      (1, in), a column
    layer     all of it                   (1, 1, 1, 1)       (1, 1)
    ========= =========================== ================== =================

    ``norm`` is 1 (sum of magnitudes) or 2 (root of the sum of squares); for single weights both are the
    magnitude. Groups of one tensor are equally large, so their scores compare as they are; the norm of a
    larger group in another layer is larger by its size alone. The scores have the weight's dtype, at least
    float32; they are computed in float64.

    Raises TypeError if ``weight`` is no tensor of real numbers; ValueError if it is empty, not finite or not
    2-D or 4-D, for an unknown granularity or norm, and for the kernel of a matrix.

    Source: Mao et al., "Exploring the Regularity of Sparse Structure in Convolutional Neural Networks" (arXiv
    1705.08922); Li et al., "Pruning Filters for Efficient ConvNets" (arXiv 1608.08710) for the L1 norm of
    filters; notebook 02.

    >>> group_scores(torch.tensor([[3.0, 4.0], [0.0, 1.0]]), "filter")
    tensor([[5.],
            [1.]])
    """
    arguments.tensor("weight", weight)
    arguments.one_of("granularity", granularity, GRANULARITIES)
    arguments.one_of("norm", norm, (1, 2))
    if weight.ndim not in (2, 4):
        raise ValueError(
            f"weight must be (out, in) or (out, in, kernel height, kernel width), got {weight.ndim}"
            f" dimension(s), shape {tuple(weight.shape)}"
        )
    if weight.ndim == 2 and granularity == "kernel":
        raise ValueError(
            "granularity 'kernel' needs a convolution weight (out, in, kh, kw), got a matrix of shape"
            f" {tuple(weight.shape)}: a matrix has no kernels; use 'weight' for single entries, 'filter' for"
            " rows or 'channel' for columns"
        )
    dimensions = (_CONV if weight.ndim == 4 else _MATRIX)[granularity]
    scores = weight.detach().to(torch.float64)
    scores = (
        torch.linalg.vector_norm(scores, ord=norm, dim=dimensions, keepdim=True)
        if dimensions
        else scores.abs()
    )
    return scores.to(torch.promote_types(weight.dtype, torch.float32))
