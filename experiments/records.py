"""How small can the two classic networks get? (notebook 08; about two hours on one core)

Three trained networks of each kind, once on MNIST as it is and once with all its one-pixel shifts. A network
is pruned while it learns, in stages; after each stage what is dead is removed, so that the last and longest
one is cheap. Scores are those of Optimal Brain Damage, w^2 h, with a moving mean of the squared gradients for
h. At every look the weakest weights give their places to connections with a large gradient. Every choice was
made on the validation split; this script reads the test split, once for each network. The baselines train as
long and on the same images. Errors in percent. The records are kept as sparse files in ``data/records``."""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import errors, mnist, shuffled
from prunelab.criteria.registry import per_unit
from prunelab.data import MEAN, STD
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import MODELS, load_pretrained
from prunelab.records import RECORDS
from prunelab.schedules import cubic
from prunelab.storage import load_sparse, save_sparse
from prunelab.surgery import remove_filters
from prunelab.training import steps_per_epoch, train

SEEDS = (0, 1, 2)
LENET300 = ((30, 20), (150, 150), (200, 100))
# by network and images: weights / nonzero weights at the end of each stage, and its passes over 55,000 images
STAGES = {
    ("lenet300", True): LENET300,
    ("lenet300", False): LENET300,
    ("lenet5_caffe", True): ((60, 5), (200, 10), (400, 50)),
    ("lenet5_caffe", False): ((60, 3), (200, 5), (400, 10)),
}
RECORDED = {"lenet300": (150, 200), "lenet5_caffe": (400,)}
DENSE = {"lenet300": 20, "lenet5_caffe": 5}  # passes of the dense network that is trained on with shifts
BASELINES = {"lenet300": ("dense", "small dense", "random places"), "lenet5_caffe": ("dense",)}
LR, DECAY = 0.1, 5e-4
EVERY, UNTIL = 50, 0.75  # steps between two looks, and the part of the steps after which the masks stay
REGROWN = 0.3  # part of the weights that moves at the first look; it falls to 0 with a cosine
SHIFTS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # pixels down, pixels right


def shifted(images: torch.Tensor) -> torch.Tensor:
    """Return the images and their four one-pixel shifts, the border filled with background."""
    padded = F.pad(images, (1, 1, 1, 1), value=-MEAN / STD)
    return torch.cat([padded[:, :, 1 - down : 29 - down, 1 - right : 29 - right] for down, right in SHIFTS])


def decay(model: nn.Module) -> torch.Tensor:
    """Return the L2 penalty whose gradient is ``DECAY`` times each weight."""
    return DECAY / 2 * sum(weight.square().sum() for weight in prunable(model).values())


def sparsify(
    model: nn.Module, data: TensorDataset, left: tuple[int, int], epochs: int, seed: int, until: float
) -> None:
    """Prune ``model`` in place while it learns: from ``left[0]`` weights to ``left[1]``, reached after
    ``until`` of the steps.
    """
    steps = epochs * steps_per_epoch(data)
    end = round(until * steps)
    squares = {name: torch.zeros_like(weight) for name, weight in prunable(model).items()}
    slopes = {name: torch.zeros_like(weight) for name, weight in prunable(model).items()}
    masks = {name: weight.detach() != 0 for name, weight in prunable(model).items()}
    size = sum(mask.numel() for mask in masks.values())

    def look(model: nn.Module, step: int) -> None:
        if step > end:
            return
        for name, weight in prunable(model).items():
            squares[name].mul_(0.99).addcmul_(weight.grad, weight.grad, value=0.01)
            slopes[name].mul_(0.98).add_(weight.grad)
        if step % EVERY and step != end:
            return
        apply_masks(model, masks)  # momentum has just moved what is masked
        saliency = {name: weight.detach() ** 2 * squares[name] for name, weight in prunable(model).items()}
        keep = size * (1 - cubic(step, 0, end, 1 - left[1] / size, 1 - left[0] / size))
        moved = REGROWN * (1 + math.cos(math.pi * step / end)) / 2
        masks.update(mask_model(saliency, 1 - keep * (1 - moved) / size, scope="global"))
        growth = {name: slope.abs().masked_fill(masks[name], 0) for name, slope in slopes.items()}
        grown = mask_model(growth, 1 - keep * moved / size, scope="global")
        masks.update({name: mask | grown[name] for name, mask in masks.items()})

    train(model, data, epochs=epochs, lr=LR, masks=masks, penalty=decay, on_step=look, seed=seed)


def living(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return, by parameter name, which filters and neurons ``(out,)`` of the hidden layers have inputs and
    are used.
    """
    weights = prunable(model)
    names = list(weights)
    alive = {}
    for name, after in itertools.pairwise(names):
        weight, following = weights[name].detach(), weights[after].detach()
        used = (
            following.flatten(2).any(2).any(0)
            if following.ndim == 4
            else following.any(0).view(len(weight), -1).any(1)
        )
        alive[name] = weight.flatten(1).any(1) & used
    return alive


def without_dead(model: nn.Module, alive: dict[str, torch.Tensor]) -> nn.Module:
    return remove_filters(
        model, {name: per_unit(mask, model.get_parameter(name)) for name, mask in alive.items()}
    )


@torch.no_grad()
def put_back(small: nn.Module, alive: dict[str, torch.Tensor], network: str) -> nn.Module:
    """Return a network of full size with the weights of ``small`` in their places and zeros elsewhere."""
    full = MODELS[network]().eval()
    previous = next(iter(prunable(full).values())).shape[1]
    inputs = torch.arange(previous)  # of the layer at hand, those that are alive
    for name, weight in prunable(full).items():
        bias, source = full.get_parameter(name.replace("weight", "bias")), small.get_parameter(name)
        outputs = alive.get(name, torch.ones(len(weight), dtype=torch.bool)).nonzero().squeeze(1)
        if weight.shape[1] != previous:  # flattened: every channel has become several inputs
            per = weight.shape[1] // previous
            inputs = (inputs[:, None] * per + torch.arange(per)).flatten()
        weight.zero_()
        bias.zero_()
        weight[outputs[:, None], inputs] = source
        bias[outputs] = small.get_parameter(name.replace("weight", "bias"))
        inputs, previous = outputs, len(weight)
    return full


def examples(shifts: bool) -> TensorDataset:
    images, labels = mnist().train.tensors
    return TensorDataset(shifted(images), labels.repeat(len(SHIFTS))) if shifts else mnist().train


def epochs_of(passes: int, shifts: bool) -> int:
    return passes // len(SHIFTS) if shifts else passes


def records(network: str, seed: int, shifts: bool) -> list[dict]:
    """Prune in stages; after each one go on with a network from which the dead parts are removed. One row for
    each record.
    """
    data, full, before = examples(shifts), load_pretrained(network, seed), 1
    weights = sum(weight.numel() for weight in prunable(full).values())
    dense, rows = errors(full), []
    for stage, (ratio, passes) in enumerate(STAGES[network, shifts]):
        alive = living(full)
        small = without_dead(full, alive)
        until = UNTIL if ratio in RECORDED[network] else 0.9
        left = (weights // before, weights // ratio)
        sparsify(small, data, left, epochs_of(passes, shifts), 100 * stage + seed, until)
        full, before = put_back(small, alive, network), ratio
        if ratio in RECORDED[network]:
            name = f"{network}-{ratio}x-{'shifts' if shifts else 'plain'}-seed{seed}.safetensors"
            kept = {name: int(weight.count_nonzero()) for name, weight in prunable(full).items()}
            size = save_sparse(full, RECORDS / name)
            rows.append(
                {"compression": ratio, "file": name, "bytes": size, "kept": kept, "dense": dense}
                | errors(full)
            )
    return rows


def baseline(network: str, seed: int, kind: str) -> dict:
    """Train something else on the same shifted images.

    "dense": the dense network trained on, for as many passes as ``DENSE`` says. As long as the record: "small
    dense", and "random places", the record's masks shuffled within each layer, from a new initialisation."""
    torch.manual_seed(seed)
    passes, masks = (
        sum(passes for ratio, passes in STAGES[network, True] if ratio <= RECORDED[network][0]),
        {},
    )
    if kind == "dense":
        model, passes = load_pretrained(network, seed), DENSE[network]
    elif kind == "small dense":
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 2), nn.ReLU(), nn.Linear(2, 10))  # 1,588 weights
    else:
        full = MODELS[network]()
        load_sparse(RECORDS / f"{network}-{RECORDED[network][0]}x-shifts-seed{seed}.safetensors", full)
        alive = living(full)
        masks = shuffled(
            {name: weight.detach() != 0 for name, weight in prunable(without_dead(full, alive)).items()}, seed
        )
        model = without_dead(MODELS[network](), alive)
    train(
        model,
        examples(shifts=True),
        epochs=epochs_of(passes, True),
        lr=LR,
        masks=masks,
        penalty=decay,
        seed=seed,
    )
    left = sum(int(weight.count_nonzero()) for weight in prunable(model).values())
    return {"part": "baselines", "kind": kind, "left": left} | errors(model)


def configurations() -> list[dict]:
    return [
        {"network": network, "seed": seed, "shifts": shifts}
        for network in RECORDED
        for shifts in (True, False)
        for seed in SEEDS
    ]


def measure(network: str, seed: int, shifts: bool) -> list[dict]:
    """Return the records' rows; with shifts also those of the baselines, which take the records' masks."""
    kinds = BASELINES[network] if shifts else ()
    return [*records(network, seed, shifts), *(baseline(network, seed, kind) for kind in kinds)]


def provenance() -> dict:
    return {
        "networks": f"data/checkpoints, seeds {SEEDS}",
        "recipe": (
            f"stages by network and shifts (compression, passes over 55,000 images): {STAGES}; SGD, momentum"
            f" 0.9, batch 128, weight decay {DECAY}, cosine rate from {LR} in each stage; looks every {EVERY}"
            f" steps, until 0.9 of a stage, {UNTIL} of a recorded one; {REGROWN} of the weights move at the"
            " first look of a stage, falling to 0; shifts: all one-pixel shifts too"
        ),
    }
