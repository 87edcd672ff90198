"""Why a pruned network is not smaller or not faster: what its layers show, in sentences."""

import torch
from torch import nn

from prunelab import arguments
from prunelab.arguments import Example
from prunelab.masks import prunable
from prunelab.measure.arithmetic import macs
from prunelab.measure.clock import REAL
from prunelab.measure.layers import OTHERS, profile
from prunelab.measure.sizes import bytes_on_disk, parameters
from prunelab.weights import SPARSE, count_nonzero, held_masks

# multiply-accumulates per byte; a processor core can do more of them in the time it takes to fetch a byte
MEMORY_BOUND = 4.0
SHARE = 0.2  # a layer that takes less of the time than this explains little
LANES = 8  # float32 numbers that a vector unit of a common processor works on at once
BEHIND = 0.7  # a speed-up below this part of the saving in MACs asks for a reason


def not_smaller(dense: nn.Module, pruned: nn.Module) -> list[str]:
    """Return why the file of ``pruned`` is not at least 10 % smaller than that of ``dense``, one sentence or
    two each; [] if it is.

    Masks that ``torch.nn.utils.prune`` left behind are named in any case. Raises TypeError if one of the two
    is no module. Source: notebooks 00, 05 and 09.2."""
    arguments.module("dense", dense)
    arguments.module("pruned", pruned)
    found = []
    if masked := left_behind(pruned):
        found.append(
            f"Masks left behind: the state dict holds the dense values and a mask of {_some(masked)}, until"
            " prune.remove (of torch.nn.utils.prune), nncf.strip with StripFormat.IN_PLACE, or"
            " parametrize.remove_parametrizations is called. The file is larger, not smaller."
        )
    found += _unused_hooks(pruned)
    before, after = bytes_on_disk(dense), bytes_on_disk(pruned)
    if after * (1 + REAL) < before:
        return found
    zeros, elements = _zeros(pruned)
    if zeros > REAL * elements:
        stored = 4 * (elements - zeros) + elements / 8
        found.append(
            f"Zeros stored densely: {zeros:,} of {elements:,} weights are zero, and a dense file spends as"
            f" many bytes on a zero as on any other number ({after:,} bytes against {before:,}). Values and a"
            f" bitmap of places would take about {stored:,.0f} bytes for the weights: store it sparse, or"
            " remove what is empty as a whole."
        )
    elif not masked and parameters(pruned) > parameters(dense) / (1 + REAL):
        amount = "Little" if parameters(pruned) < parameters(dense) else "Nothing"
        found.append(
            f"{amount} was removed: {parameters(pruned):,} parameters against {parameters(dense):,}, and"
            " hardly a zero."
        )
    return found


def not_faster(
    dense: nn.Module, pruned: nn.Module, example_input: Example, low: float, high: float
) -> list[str]:
    """Return why ``pruned`` is not faster than ``dense`` on ``example_input``, or less than its MACs promise;
    [] if it is.

    ``low`` and ``high`` bound the measured speed-up, dense time / pruned time, as ``compare`` gives them.
    Layers are named.

    Raises TypeError or ValueError for bad models, no example, or bounds that are not positive or not in
    order. Source: notebooks 07.2 and 09.2."""
    arguments.module("dense", dense), arguments.module("pruned", pruned)
    arguments.positive("low", low)
    if arguments.positive("high", high) < low:
        raise ValueError(f"high must be at least low = {low}, got {high}")
    saving = macs(dense, example_input) / max(1, macs(pruned, example_input))
    faster = low > 1 + REAL
    if faster and high > BEHIND * saving:
        return []
    found = []
    if masked := left_behind(pruned):
        found.append(f"Masks at work: a mask multiplies {_some(masked)} before every pass.")
    if saving < 1 + REAL:
        return found + _nothing_removed(pruned, saving)
    found += _memory_bound(pruned, example_input) + _odd_channels(dense, pruned)
    if not found:
        found.append(
            f"Too little work: MACs fell {saving:.1f} times and the time did not follow. No layer is large"
            " enough to explain it; what remains is the fixed price of calling each layer. Try a larger"
            " batch."
        )
    return found


def left_behind(model: nn.Module) -> list[str]:
    """Return the names of parameters that something still multiplies by a mask at every pass: those that
    ``torch.nn.utils.prune`` holds as ``_orig`` and ``_mask``, parametrizations with a ``mask``, NNCF's hooks.

    Raises TypeError if ``model`` is no module. Source: notebooks 05 and 09.2.
    """
    return list(held_masks(model))


def _unused_hooks(model: nn.Module) -> list[str]:
    """Return what no hook computes at every pass: attention reads without calling the layer, so that prune's
    hook never runs; or the hook was taken out, and what it had put there stayed.
    """
    found = [
        f"Masks never applied: {path}.out_proj is read, not called, so the hook of torch.nn.utils.prune on it"
        " never runs. What computes is the weight as it was at the last call of prune; what is trained or"
        " loaded since is not used. Call prune.remove on it."
        for path, module in model.named_modules()
        if isinstance(module, nn.MultiheadAttention) and hasattr(module.out_proj, "weight_orig")
    ]
    for path, module in model.named_modules():
        for own in [key.removesuffix("_orig") for key in module._parameters if key.endswith("_orig")]:
            # prune and the older spectral_norm keep the name in their hooks
            hooks = module._forward_pre_hooks.values()
            if own in vars(module) and not any(
                own in (getattr(hook, "_tensor_name", None), getattr(hook, "name", None)) for hook in hooks
            ):
                name = f"{path}.{own}".lstrip(".")
                found.append(
                    f"Hook gone: nothing makes {name} of {name}_orig any more. What computes is the tensor as"
                    " it was at the last pass; what is trained or loaded since is not used, and no file holds"
                    f" it. Make a Parameter of {name}, and delete {name}_orig and its mask."
                )
    return found


def _nothing_removed(pruned: nn.Module, saving: float) -> list[str]:
    zeros, elements = _zeros(pruned)
    dense_ones = {name: weight for name, weight in _weights(pruned).items() if weight.layout not in SPARSE}
    row_sizes = {name: weight[0].numel() for name, weight in dense_ones.items()}
    empty = {name: int((weight.detach().flatten(1) == 0).all(1).sum()) for name, weight in dense_ones.items()}
    empty = {name: count for name, count in empty.items() if count}
    if zeros <= REAL * elements:
        return [f"The same work: MACs fell {saving:.2f} times, and hardly a weight is zero."]
    if sum(size * empty[name] for name, size in row_sizes.items() if name in empty) > REAL * elements:
        rows = ", ".join(f"{count} of {name}" for name, count in list(empty.items())[:4])
        return [
            f"Zeros computed densely: whole filters or neurons are zero ({rows}) and still there, so every"
            " one is multiplied. surgery.remove_filters takes them out."
        ]
    return [
        f"Unstructured mask: {zeros:,} of {elements:,} weights are zero, one here and one there, and few"
        " filters are empty as a whole. A dense kernel multiplies by every zero. Prune whole filters"
        " instead, or use a sparse kernel where the sparsity is high enough for it."
    ]


def _memory_bound(pruned: nn.Module, example_input: Example) -> list[str]:
    rows = [row for row in profile(pruned, example_input).rows if row["layer"] != OTHERS]
    total = sum(row["seconds"] for row in rows)
    slow = [
        row
        for row in rows
        if row["macs"] and row["macs_per_byte"] < MEMORY_BOUND and row["seconds"] > SHARE * total
    ]
    found = [
        f"Memory-bound layer: {row['layer']} does {row['macs_per_byte']:.1f} multiply-accumulates for each"
        f" byte it moves and takes ~{100 * row['seconds'] / total:.0f} % of the layers' time. It waits for"
        " memory; fewer MACs shorten it only as far as they mean fewer bytes."
        for row in slow
    ]
    idle = sum(row["seconds"] for row in rows if not row["macs"])
    if idle > SHARE * total:
        found.append(
            f"Layers without MACs: activations, normalisations and poolings take ~{100 * idle / total:.0f} %"
            " of the layers' time, and no count of MACs contains them."
        )
    return found


def _odd_channels(dense: nn.Module, pruned: nn.Module) -> list[str]:
    before = {name: len(weight) for name, weight in _weights(dense).items()}
    odd = {
        name: len(weight)
        for name, weight in _weights(pruned).items()
        if len(weight) % LANES and len(weight) < before.get(name, 0) and before[name] % LANES == 0
    }
    if not odd:
        return []
    rows = ", ".join(f"{name} {count}" for name, count in list(odd.items())[:4])
    return [
        f"Odd channel count: {rows}. Vector units work on {LANES} or 16 numbers at once, so a channel count"
        f" is paid as if it were rounded up. schedules.guard_masks(..., multiple={LANES}) keeps multiples."
    ]


def _weights(model: nn.Module) -> dict[str, torch.Tensor]:
    try:
        return prunable(model)
    except ValueError:  # nothing to prune is no error here
        return {}


def _zeros(model: nn.Module) -> tuple[int, int]:
    """Return zeros and elements of the weights that are stored densely."""
    weights = [weight for weight in _weights(model).values() if weight.layout not in SPARSE]
    elements = sum(weight.numel() for weight in weights)
    return elements - sum(map(count_nonzero, weights)), elements


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
