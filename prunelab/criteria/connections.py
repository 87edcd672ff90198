"""Criteria for single weights that look at data: correlation of the connected neurons, and weight times the
norm of its input.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.flow import Flow, forward
from prunelab.criteria.registry import BATCH, Criterion, batches, check_data, unchanged
from prunelab.criteria.second_order import columns
from prunelab.masks import prunable


def patches(layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return what the weights of ``layer`` read, ``(n, features, positions)`` float64, in the order of
    ``weight.flatten(1)``.

    A linear layer has one position; a convolution reads one patch of its (padded) input at each position.
    Raises ValueError for a convolution with groups or with padding other than zeros. Source: notebook 03.3.
    """
    if isinstance(layer, nn.Conv2d) and (
        layer.groups != 1 or layer.padding_mode != "zeros" or isinstance(layer.padding, str)
    ):
        raise ValueError(
            f"model must have convolutions with groups=1 and zero padding given in numbers, got {layer}"
        )
    return columns(layer, inputs).double()


def activation_correlation(
    model: nn.Module, dataset: TensorDataset | None = None, *, signed: bool = False, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return ``|r|`` of every weight: the correlation, over the examples, between the two neurons that the
    weight connects.

    ``r`` is Pearson's correlation of the value the weight reads and the activation (after the ReLU, where
    there is one) of the unit it feeds. In a convolution every position is a pair of neurons of its own, and
    ``|r|`` is averaged over the positions; with ``signed=True`` the average carries the sign of the mean
    ``r``. A neuron that never changes has ``r = 0``. Each score has the weight's shape, float64, in [0, 1].
    Labels are not used.

    Raises TypeError or ValueError for bad data, for fewer than 2 examples and for convolutions with groups,
    FloatingPointError for activations that are not finite. Source: Sun, Wang and Tang, arXiv 1512.01891;
    notebook 03.3."""
    dataset = check_data(dataset, labels=False)
    if len(dataset) < 2:
        raise ValueError(f"dataset must hold at least 2 examples for a correlation, got {len(dataset)}")
    sums: dict[str, dict] = {}
    with unchanged(model), torch.no_grad():
        for images, *_ in batches(dataset, batch_size):
            for name, flow in forward(model, images)[1].items():
                _add_pairs(sums.setdefault(name, {}), flow)
    weights = prunable(model)
    result = {}
    for name, entry in sums.items():
        r = _correlations(*entry["terms"], n=len(dataset))
        if not torch.isfinite(r).all():
            raise FloatingPointError(
                f"the activations around {name} are not finite; look for NaN or overflow in the weights"
            )
        score = r.abs().mean(0)
        result[name] = (score * r.mean(0).sign() if signed else score).view(weights[name].shape)
    return result


def _add_pairs(entry: dict, flow: Flow) -> None:
    """Add one batch to the sums of a layer: what it reads, what it sends, their squares and products."""
    read = patches(flow.layer, flow.inputs)
    out = flow.activation if flow.activation is not None else flow.layer(flow.inputs)
    out = out.double().reshape(*out.shape[:2], -1)
    # differences from a typical value: the variances would drown in the squares of large means
    read, out = read - entry.setdefault("read", read[0]), out - entry.setdefault("out", out[0])
    products = torch.einsum("nfp,nop->pof", read, out)
    terms = [read.sum(0), (read**2).sum(0), out.sum(0), (out**2).sum(0), products]
    before = entry.get("terms", [0] * len(terms))
    entry["terms"] = [a + b for a, b in zip(before, terms, strict=True)]


def _correlations(
    x: torch.Tensor, xx: torch.Tensor, y: torch.Tensor, yy: torch.Tensor, xy: torch.Tensor, n: int
) -> torch.Tensor:
    """Return Pearson's r, ``(positions, out, features)``, from the sums over n examples; 0 where a variance
    is 0.
    """
    x, xx, y, yy = x.T[:, None, :], xx.T[:, None, :], y.T[:, :, None], yy.T[:, :, None]
    variances = (xx - x * x / n) * (yy - y * y / n)
    constant = ((xx - x * x / n) <= 1e-12 * xx) | ((yy - y * y / n) <= 1e-12 * yy)
    return torch.where(
        constant, 0.0, (xy - x * y / n) / variances.clamp_min(torch.finfo(torch.float64).tiny).sqrt()
    )


def sample_connections(
    correlation: torch.Tensor, sparsity: float, *, share: float = 0.75, seed: int = 0
) -> torch.Tensor:
    """Return a mask for one layer that keeps mostly strong, and on purpose a few weak, connections; ``True``
    = kept.

    ``correlation`` holds signed correlations. Exactly ``n - round(sparsity * n)`` weights stay, split between
    positive and negative ones in proportion to their number. Of each sign's quota, ``share`` is drawn at
    random from the stronger half of its ranking and the rest from the weaker half (a half that is too small
    gives all it has and the other half the rest).

    Raises TypeError or ValueError for scores that are not finite, and for a ``sparsity`` or ``share`` outside
    [0, 1]. Source: Sun, Wang and Tang, arXiv 1512.01891; notebook 03.3."""
    arguments.tensor("correlation", correlation)
    sparsity, share = arguments.fraction("sparsity", sparsity), arguments.fraction("share", share)
    arguments.count("seed", seed, at_least=0)
    generator = torch.Generator().manual_seed(seed)
    flat = correlation.flatten()
    keep = flat.numel() - round(sparsity * flat.numel())
    positive = (flat >= 0).nonzero().flatten()
    negative = (flat < 0).nonzero().flatten()
    quota = round(keep * len(positive) / flat.numel())
    mask = torch.zeros(flat.numel(), dtype=torch.bool)
    for members, count in ((positive, quota), (negative, keep - quota)):
        ranked = members[flat[members].abs().argsort(descending=True, stable=True)]
        strong, weak = ranked[: (len(ranked) + 1) // 2], ranked[(len(ranked) + 1) // 2 :]
        from_strong = max(min(round(share * count), len(strong)), count - len(weak))
        for half, drawn in ((strong, from_strong), (weak, count - from_strong)):
            mask[half[torch.randperm(len(half), generator=generator)[:drawn]]] = True
    return mask.view(correlation.shape)


def wanda(
    model: nn.Module, dataset: TensorDataset | None = None, *, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return ``|w|`` times the L2 norm of the input the weight reads, for every weight; float64, of the
    weight's shape.

    The norm runs over examples and, in a convolution, over positions, and is divided by the root of the
    number of examples, so that the scale does not depend on how much data is used. A weight that only ever
    reads zeros scores 0. The paper compares the weights of one output unit with each other; ``keep_top`` row
    by row does that. Labels are not used.

    Raises TypeError or ValueError for bad data and for convolutions with groups, FloatingPointError for
    inputs that are not finite. Source: Sun et al., "A simple and effective pruning approach for large
    language models", arXiv 2306.11695; notebook 03.3."""
    norms = _input_norms(model, dataset, batch_size)
    return {
        name: (weight.detach().double().flatten(1).abs() * norms[name]).view(weight.shape)
        for name, weight in prunable(model).items()
    }


def ria(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    power: float = 0.5,
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return relative importance and activation: ``(|w| / sum of its row + |w| / sum of its column)`` times
    the input's norm to the ``power``, for every weight; float64, of the weight's shape.

    Rows and columns are those of ``weight.flatten(1)``, the sums those of ``|w|``, the norm that of
    ``wanda``. A weight counts by its share of what its output unit reads and of what its input sends, so no
    input loses all of its weights for being small. The paper takes a power of one half. Labels are not used.

    Raises as ``wanda`` does, and TypeError or ValueError for a ``power`` that is no positive number. Source:
    Zhang et al., "Plug-and-play: an efficient post-training pruning method for large language models" (ICLR
    2024); notebook 03.5."""
    arguments.positive("power", power)
    scores = {}
    norms = _input_norms(model, dataset, batch_size)
    for name, weight in prunable(model).items():
        size = weight.detach().double().flatten(1).abs()
        tiny = torch.finfo(torch.float64).tiny
        share = size / size.sum(1, keepdim=True).clamp_min(tiny) + size / size.sum(0).clamp_min(tiny)
        scores[name] = (share * norms[name] ** power).view(weight.shape)
    return scores


def owl_sparsities(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    sparsity: float = 0.7,
    *,
    outlier: float = 5.0,
    reach: float = 0.08,
    batch_size: int = BATCH,
) -> dict[str, float]:
    """Return a sparsity for each layer (parameter name -> fraction), lower where more scores of ``wanda`` are
    outliers.

    A score is an outlier when it is more than ``outlier`` times the mean of its layer. The densities spread
    over twice ``reach``, in proportion to the share of outliers, around the mean density ``1 - sparsity`` of
    all weights (weighted with the layers' sizes, which the paper need not do: its layers are equal). Given to
    ``mask_model`` with the scores of any criterion.

    Raises as ``wanda`` does, and TypeError or ValueError for numbers out of range, or a ``reach`` that takes
    a layer outside [0, 1]. Source: Yin et al., "Outlier weighed layerwise sparsity", arXiv 2310.05175;
    notebook 03.5."""
    sparsity, reach = arguments.fraction("sparsity", sparsity), arguments.fraction("reach", reach)
    arguments.positive("outlier", outlier)
    scores = wanda(model, dataset, batch_size=batch_size)
    shares = torch.stack([(s > outlier * s.mean()).double().mean() for s in scores.values()])
    sizes = torch.tensor([s.numel() for s in scores.values()], dtype=torch.float64)
    spread = shares - shares.min()
    if spread.max() > 0:
        spread = spread / spread.max() * 2 * reach
    ratios = sparsity + (spread * sizes).sum() / sizes.sum() - spread
    if ratios.min() < -1e-12 or ratios.max() > 1 + 1e-12:
        raise ValueError(
            f"reach must leave every layer a sparsity in [0, 1], got {reach} around {sparsity}: from"
            f" {float(ratios.min()):.3f} to {float(ratios.max()):.3f}"
        )
    return dict(zip(scores, ratios.clamp(0, 1).tolist(), strict=True))


def _input_norms(model: nn.Module, dataset: TensorDataset | None, batch_size: int) -> dict[str, torch.Tensor]:
    """Return the norm of every input of every layer, ``(features,)``, over the root of the number of
    examples.
    """
    dataset = check_data(dataset, labels=False)
    squares: dict[str, torch.Tensor] = {}
    with unchanged(model), torch.no_grad():
        for images, *_ in batches(dataset, batch_size):
            for name, flow in forward(model, images)[1].items():
                squares[name] = squares.get(name, 0) + (patches(flow.layer, flow.inputs) ** 2).sum((0, 2))
    for name, total in squares.items():
        if not torch.isfinite(total).all():
            raise FloatingPointError(
                f"the inputs of {name} are not finite; look for NaN or overflow in the weights"
            )
    return {name: (total / len(dataset)).sqrt() for name, total in squares.items()}


ENTRIES = (
    Criterion(
        "activation correlation",
        activation_correlation,
        ("weight",),
        ("data",),
        "Sun, Wang and Tang 2016, arXiv 1512.01891",
    ),
    Criterion("Wanda", wanda, ("weight",), ("data",), "Sun et al. 2024, arXiv 2306.11695"),
    Criterion("RIA", ria, ("weight",), ("data",), "Zhang et al. 2024, ICLR"),
)
