"""Criteria from the second derivative of the loss: Optimal Brain Damage and Optimal Brain Surgeon.

``h_qq`` is an element of the Hessian's diagonal. At a minimum the Hessian is close to the Gauss-Newton
matrix, which for the cross-entropy is the Fisher information: the mean, over examples and over labels drawn
from the model's own prediction, of the gradient times itself."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, jacrev, vmap
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.registry import BATCH, Criterion, batches, check_data, unchanged
from prunelab.masks import prunable

CURVATURES = ("gauss-newton", "fisher", "empirical")
FULL_LIMIT = 2_000


def obd(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    curvature: str = "gauss-newton",
    seed: int = 0,
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return Optimal Brain Damage's saliency ``h_qq * w_q**2 / 2`` of every weight, float64, in units of the
    mean loss.

    ``curvature`` says how the diagonal is estimated. ``"gauss-newton"``: squared gradients of every class,
    weighted with the model's probability of the class (one backward pass per class). ``"fisher"``: one class
    per image, drawn from the model with ``seed``. ``"empirical"``: the true label; it shrinks to zero as the
    training images are learnt by heart.

    Raises TypeError or ValueError for bad data, an unknown curvature or a layer it cannot handle (groups,
    padding by reflection, a layer used twice), FloatingPointError for a curvature that is not finite. Source:
    LeCun, Denker and Solla, "Optimal brain damage" (1990); notebook 03.2."""
    curvatures = curvature_diagonal(model, dataset, curvature=curvature, seed=seed, batch_size=batch_size)
    return {
        name: curvatures[name] * weight.detach().double() ** 2 / 2 for name, weight in prunable(model).items()
    }


def curvature_diagonal(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    curvature: str = "gauss-newton",
    seed: int = 0,
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return the estimate of ``h_qq`` that ``obd`` uses, float64, of every weight's shape; arguments and
    errors as there.

    A squared gradient per example needs no backward pass per example: for a linear layer with inputs ``X``
    and output gradients ``G`` it is ``(G**2).T @ (X**2)``; a convolution sums over the positions first and
    squares then. Source: notebook 03.2."""
    arguments.one_of("curvature", curvature, CURVATURES)
    dataset = check_data(dataset, labels=curvature == "empirical")
    totals = {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in prunable(model).items()}
    with unchanged(model, seed):
        seen = watch(model)
        for images, *labels in batches(dataset, batch_size):
            seen.clear()
            log_p = model(images).log_softmax(1)
            p = log_p.detach().exp()
            if curvature == "gauss-newton":
                targets = [(torch.full((len(images),), c), p[:, c].sqrt()) for c in range(p.shape[1])]
            else:
                classes = labels[0] if curvature == "empirical" else p.multinomial(1).flatten()
                targets = [(classes, torch.ones(len(images)))]
            for classes, factor in targets:  # a loss times sqrt(p) has squared gradients times p
                loss = -(log_p.gather(1, classes[:, None]).flatten() * factor).sum()
                found = torch.autograd.grad(
                    loss, [output for _, _, output in seen.values()], retain_graph=True
                )
                for (name, (layer, x, _)), g in zip(seen.items(), found, strict=True):
                    totals[name] += _squares(layer, x, g)
    for name, total in totals.items():
        if not torch.isfinite(total).all():
            raise FloatingPointError(
                f"the curvature of {name} is not finite; look for NaN or overflow in the weights"
            )
    return {name: total / len(dataset) for name, total in totals.items()}


def obs(
    model: nn.Module, dataset: TensorDataset | None = None, *, damping: float = 1e-4, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return Optimal Brain Surgeon's saliency ``w_q**2 / (2 [H^-1]_qq)`` of every weight, float64, from the
    full Hessian.

    ``H`` is the Gauss-Newton matrix of all weights together, plus ``damping`` times its mean diagonal, for
    networks of up to 2,000 weights; ``layer_obs`` is the form for larger ones. Biases count as fixed. The
    saliency holds for one weight whose removal the others make up for (``obs_update``).

    Raises TypeError or ValueError for bad data, a damping that is not positive or too many weights. Source:
    Hassibi and Stork, "Second order derivatives for network pruning: optimal brain surgeon" (1992); notebook
    03.2."""
    dataset = check_data(dataset, labels=False)
    weights = {name: weight.detach() for name, weight in prunable(model).items()}
    size = sum(weight.numel() for weight in weights.values())
    if size > FULL_LIMIT:
        raise ValueError(
            f"model must have at most {FULL_LIMIT} weights for the full Hessian, got {size}; use layer_obs"
        )
    fixed = {name: p.detach() for name, p in model.named_parameters() if name not in weights}

    def log_p(weights, image):
        return functional_call(model, {**fixed, **weights}, (image[None],)).log_softmax(1)[0]

    hessian = torch.zeros(size, size, dtype=torch.float64)
    with unchanged(model):
        for images, *_ in batches(dataset, batch_size):
            factors = model(images).detach().softmax(1).sqrt()[..., None]
            jacobians = vmap(jacrev(log_p), (None, 0))(weights, images)
            rows = torch.cat([j.flatten(2) for j in jacobians.values()], 2) * factors
            rows = rows.flatten(0, 1).double()
            hessian += rows.T @ rows / len(dataset)
    flat = torch.cat([weight.flatten() for weight in weights.values()]).double()
    saliency = obs_saliency(flat, torch.linalg.inv(damped(hessian, damping)))
    parts = saliency.split([weight.numel() for weight in weights.values()])
    return {name: part.view_as(weight) for (name, weight), part in zip(weights.items(), parts, strict=True)}


def obs_saliency(weights: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """Return ``w_q**2 / (2 [H^-1]_qq)`` for weights ``(n,)`` or ``(rows, n)`` and an inverse Hessian ``(n,
    n)``.

    A weight that ``eliminate`` took out (its diagonal element is 0) has saliency infinity: it cannot be
    removed again. Raises TypeError or ValueError if the two do not fit. Source: notebook 03.2."""
    diagonal = _check_inverse(weights, inverse).diagonal()
    return torch.where(diagonal > 0, weights**2 / (2 * diagonal), torch.inf)


def obs_update(weights: torch.Tensor, inverse: torch.Tensor, q: int) -> torch.Tensor:
    """Return the ``weights`` ``(n,)`` after the removal of weight ``q``: the others move so that the loss
    rises least.

    The step is ``-(w_q / [H^-1]_qq) * H^-1[:, q]``; entry ``q`` of the result is exactly 0. Raises TypeError
    or ValueError if the arguments do not fit or ``q`` has been eliminated already. Source: notebook 03.2."""
    _check_removable(_check_inverse(weights, inverse), q)
    updated = weights - weights[q] / inverse[q, q] * inverse[:, q]
    updated[q] = 0
    return updated


def eliminate(inverse: torch.Tensor, q: int) -> torch.Tensor:
    """Return the inverse of the Hessian without row and column ``q``, of the same shape, with zeros in row
    and column ``q``.

    ``H^-1 - H^-1[:, q] H^-1[q, :] / [H^-1]_qq`` needs no new inversion. Raises as ``obs_update``. Source:
    notebook 03.2."""
    if arguments.tensor("inverse", inverse).ndim != 2 or inverse.shape[0] != inverse.shape[1]:
        raise ValueError(f"inverse must be a square matrix, got shape {tuple(inverse.shape)}")
    _check_removable(inverse, q)
    smaller = inverse - torch.outer(inverse[:, q], inverse[q]) / inverse[q, q]
    smaller[q] = 0
    smaller[:, q] = 0
    return smaller


def inverse_hessian(rows: torch.Tensor, damping: float) -> torch.Tensor:
    """Return the inverse of ``rows.T @ rows / P + damping * I``, float64, for gradients ``rows`` ``(P, n)``,
    without inverting.

    Starts at ``I / damping`` and takes one row at a time: ``H^-1 -= (H^-1 g)(H^-1 g)^T / (P + g^T H^-1 g)``.
    Raises TypeError or ValueError for rows that are no finite matrix or a damping that is not positive.
    Source: notebook 03.2."""
    arguments.tensor("rows", rows)
    if rows.ndim != 2:
        raise ValueError(f"rows must have shape (examples, weights), got {tuple(rows.shape)}")
    inverse = torch.eye(rows.shape[1], dtype=torch.float64) / arguments.positive("damping", damping)
    for g in rows.double():
        step = inverse @ g
        inverse -= torch.outer(step, step) / (len(rows) + g @ step)
    return inverse


def damped(hessian: torch.Tensor, damping: float) -> torch.Tensor:
    """Return ``hessian`` ``(n, n)`` plus ``damping`` times its mean diagonal, which makes it regular.

    Pixels that are blank in every image are inputs that never differ from each other: without damping there
    is no inverse. Raises TypeError or ValueError for a damping that is not positive or a Hessian of zeros.
    Source: notebook 03.2."""
    if (
        arguments.tensor("hessian", hessian).ndim != 2
        or hessian.shape[0] != hessian.shape[1]
        or not hessian.is_floating_point()
    ):
        raise ValueError(
            f"hessian must be a square matrix of floats, got {hessian.dtype} of shape {tuple(hessian.shape)}"
        )
    mean = hessian.diagonal().mean()
    if not mean > 0:
        raise ValueError("the hessian must not be zero everywhere: the layer never has an input other than 0")
    return hessian + arguments.positive("damping", damping) * mean * torch.eye(
        len(hessian), dtype=hessian.dtype
    )


def watch(model: nn.Module) -> dict[str, tuple[nn.Module, torch.Tensor, torch.Tensor]]:
    """Return a dict that every forward pass fills: weight name -> (layer, input, output). Call it inside
    ``unchanged``.

    Raises ValueError in the forward pass for a layer with groups, with padding other than zeros, or used
    twice in one pass."""
    names = {weight: name for name, weight in prunable(model).items()}
    seen = {}

    def look(layer, inputs, output):
        name = names[layer.weight]
        if name in seen:
            raise ValueError(
                f"{name} is used twice in one forward pass; this criterion needs every layer to be used once"
            )
        if isinstance(layer, nn.Conv2d) and (
            layer.groups != 1 or layer.padding_mode != "zeros" or isinstance(layer.padding, str)
        ):
            raise ValueError(f"{name} must have groups=1 and zero padding given in numbers, got {layer}")
        seen[name] = layer, inputs[0].detach(), output

    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.register_forward_hook(look)
    return seen


def columns(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return the inputs that meet a row of the weight, ``(N, inputs, positions)``: the patches of a
    convolution, the places of a sequence ``(N, T, inputs)``, else one position."""
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        raise TypeError(f"layer must be an nn.Linear or nn.Conv2d, got {type(layer).__name__}")
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"x must be a torch.Tensor, got {type(x).__name__}")
    if isinstance(layer, nn.Conv2d):
        return F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    if x.ndim < 2:
        raise ValueError(f"inputs of a Linear layer must have shape (N, ..., inputs), got {tuple(x.shape)}")
    return x.reshape(len(x), -1, x.shape[-1]).transpose(1, 2)


def _squares(layer: nn.Module, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """Return the sum over examples of the squared gradient per example, of the weight's shape; ``g`` is the
    output's gradient.
    """
    if isinstance(layer, nn.Linear):
        if x.ndim != 2:
            raise ValueError(f"inputs of a Linear layer must have shape (N, inputs), got {tuple(x.shape)}")
        return (g.double() ** 2).T @ (x.double() ** 2)
    per_example = g.flatten(2) @ columns(layer, x).transpose(1, 2)
    return per_example.double().square().sum(0).view(layer.weight.shape)


def _check_inverse(weights: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    arguments.tensor("weights", weights)
    arguments.tensor("inverse", inverse)
    if weights.ndim == 0 or inverse.shape != (weights.shape[-1],) * 2:
        raise ValueError(
            f"inverse must have shape {tuple(weights.shape[-1:]) * 2} to fit the weights, got"
            f" {tuple(inverse.shape)}"
        )
    return inverse


def _check_removable(inverse: torch.Tensor, q: int) -> None:
    arguments.count("q", q, at_least=0)
    if q >= len(inverse):
        raise ValueError(f"q must be smaller than the number of weights {len(inverse)}, got {q}")
    if not inverse[q, q] > 0:
        raise ValueError(
            f"weight q must still be there (a positive diagonal element), got q={q} with"
            f" {float(inverse[q, q])}"
        )


NEEDS = ("data", "gradients", "hessian")
ENTRIES = (
    Criterion("OBD", obd, ("weight",), NEEDS, "LeCun, Denker and Solla 1990"),
    Criterion("OBS", obs, ("weight",), NEEDS, "Hassibi and Stork 1992"),
)
