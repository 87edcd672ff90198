"""Criteria that ask about training, not about the loss as it is: movement along a fine-tune, the flow of the
gradient (GraSP), and the flow of the synapses (SynFlow).

Two of them are signed in their papers. Here they are shifted by the smallest score of the whole network, so
that scores are never negative and both a global and a layer-wise ranking stay as they were."""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.flow import NORMS
from prunelab.criteria.registry import BATCH, Criterion, batches, check_data, mean_gradients, unchanged
from prunelab.masks import prunable
from prunelab.training import train


def movement(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    epochs: int = 1,
    lr: float = 0.02,
    seed: int = 0,
) -> dict[str, torch.Tensor]:
    """Return ``-sum_t w_t * g_t`` of every weight along a fine-tune of ``epochs``: large where training moves
    it away from zero; float64, of the weight's shape, shifted so that the smallest score is 0.

    A copy of the model is trained by ``prunelab.training.train`` with learning rate ``lr`` and ``seed``;
    ``g_t`` is the gradient of step ``t``. Nothing is masked while the scores add up. In the paper the network
    that is scored is pruned already, by the scores so far, and more so as training goes on.

    Raises TypeError or ValueError for bad data or numbers, FloatingPointError for a fine-tune that diverges.
    Source: Sanh, Wolf and Rush, "Movement pruning", arXiv 2005.07683; notebook 03.5."""
    dataset = check_data(dataset)
    prunable(model)
    arguments.count("epochs", epochs)
    arguments.fits("dataset", dataset.tensors[0][:1], model)
    copied = copy.deepcopy(model)
    weights = prunable(copied)
    totals = {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in weights.items()}
    before = {name: weight.detach().clone() for name, weight in weights.items()}

    def add(model: nn.Module, step: int) -> None:
        for name, weight in weights.items():
            totals[name] -= before[name].double() * weight.grad.double()
            before[name].copy_(weight.detach())

    with unchanged(copied):
        train(copied, dataset, epochs=epochs, lr=lr, on_step=add, seed=seed)
    return _shifted(totals)


def grasp(
    model: nn.Module, dataset: TensorDataset | None = None, *, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return GraSP's score ``w * (H g)`` of every weight: how far the squared norm of the gradient falls, to
    first order and up to a factor of 2, when the weight goes; float64, shifted so that the smallest is 0.

    ``g`` is the gradient of the mean cross-entropy and ``H`` its Hessian. A weight whose removal would
    *raise* the norm has a low score and goes first. Meant for a network that has not been trained. Logits are
    taken as they are (the authors' program divides them by a temperature of 200).

    Raises TypeError or ValueError for bad data, FloatingPointError for scores that are not finite. Source:
    Wang, Zhang and Grosse, arXiv 2002.07376; notebook 03.5."""
    dataset = check_data(dataset)
    slopes = mean_gradients(model, dataset, batch_size)
    with unchanged(model):
        weights = prunable(model)
        totals = {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in weights.items()}
        for images, labels in batches(dataset, batch_size):
            loss = F.cross_entropy(model(images), labels, reduction="sum")
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            along = sum(
                (g * slopes[name].to(g.dtype)).sum() for name, g in zip(weights, gradients, strict=True)
            )
            # the derivative of g.v is Hv; a weight on which no slope depends has none
            products = torch.autograd.grad(along, list(weights.values()), allow_unused=True)
            for name, product in zip(weights, products, strict=True):
                if product is not None:
                    totals[name] += product / len(dataset)
        scores = {name: (weights[name].detach().double() * total) for name, total in totals.items()}
    return _shifted(scores)


def synflow(model: nn.Module, dataset: TensorDataset | None = None) -> dict[str, torch.Tensor]:
    """Return SynFlow's score ``|w| * dR/d|w|`` of every weight, where ``R`` is the sum of the outputs for an
    input of ones when every weight is replaced by its size; float64.

    The score of a weight is the sum, over all paths through it, of the product of the sizes on the path. It
    sees no image and no label: of ``dataset`` only the shape of an image is used. Biases, shifts and running
    means count as 0. The scores of a layer sum up to ``R`` in every layer that all paths cross, so the paper
    prunes in 100 rounds, scored anew each time, and no layer is emptied before the others. Global scope.

    Raises TypeError or ValueError for bad data, FloatingPointError for an ``R`` that is not finite. Source:
    Tanaka et al., arXiv 2006.05467; notebook 03.5."""
    dataset = check_data(dataset, labels=False)
    prunable(model)
    arguments.fits("dataset", dataset.tensors[0][:1], model)
    copied = copy.deepcopy(model).double()
    with unchanged(copied):
        with torch.no_grad():
            for name, parameter in copied.named_parameters():
                parameter.zero_() if name.endswith("bias") else parameter.abs_()
            for module in copied.modules():
                if isinstance(module, NORMS) and module.running_mean is not None:
                    module.running_mean.zero_()
        weights = prunable(copied)
        total = copied(torch.ones_like(dataset.tensors[0][:1], dtype=torch.float64)).sum()
        found = torch.autograd.grad(total, list(weights.values()))
        scores = {
            name: (weight * g).detach() for (name, weight), g in zip(weights.items(), found, strict=True)
        }
    return _finite(scores)


def _shifted(scores: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the scores minus the smallest of them all."""
    lowest = min(float(score.min()) for score in _finite(scores).values())
    return {name: score - lowest for name, score in scores.items()}


def _finite(scores: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    for name, score in scores.items():
        if not torch.isfinite(score).all():
            raise FloatingPointError(
                f"the scores of {name} are not finite; look for NaN or overflow in the weights"
            )
    return scores


GRADIENTS = ("data", "labels", "gradients")
ENTRIES = (
    Criterion("movement", movement, ("weight",), GRADIENTS, "Sanh et al. 2020, arXiv 2005.07683"),
    Criterion("GraSP", grasp, ("weight",), GRADIENTS, "Wang et al. 2020, arXiv 2002.07376"),
    Criterion("SynFlow", synflow, ("weight",), ("data", "gradients"), "Tanaka et al. 2020, arXiv 2006.05467"),
)
