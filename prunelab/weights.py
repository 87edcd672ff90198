"""Which of a model's numbers are weights, which of them something masks at every pass, and how many are not
zero: for every kind of layer and of number.
"""

import re
from collections.abc import Iterator, Mapping

import torch
from torch import nn

from prunelab import arguments

# layers that multiply by every parameter with "weight" in its name, however thin it is
MULTIPLY = (
    nn.Linear,
    nn.Bilinear,
    nn.modules.conv._ConvNd,
    nn.RNNBase,
    nn.modules.rnn.RNNCellBase,
    nn.MultiheadAttention,
)
# layers whose parameters scale, or are looked up
OTHERS = (
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.PReLU,
)
# words in the name of a bare parameter that is added, scaled by, or looked up
ADDED = re.compile("bias|embed|token|table|scale|gamma|position|latent")
NNCF = re.compile(r"(?:^|\.)__nncf_hooks\.post_hooks\.(.+)__\d+\.\w+\.(binary_mask|mask)$")
SPARSE = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc, torch.sparse_coo)


def prunable(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the model's weights by parameter name, in order, each tensor once: what an input is multiplied
    by.

    >>> list(prunable(nn.LSTM(4, 8)))
    ['weight_ih_l0', 'weight_hh_l0']

    A weight is: the ``weight`` of a Linear, Bilinear or convolutional layer of any kind; the matrices of
    recurrent layers and of ``MultiheadAttention``; a bare parameter of any other module with two dimensions
    or more that are larger than 1 (the ``Conv1D`` of transformers, experts in one tensor), unless its name
    says that it is added, scales or is looked up (``bias``, ``embed``, ``token``, ``table``, ``scale``,
    ``gamma``, ``position``, ``latent``); a buffer in CSR, BSR or COO. Not: biases, normalisations, embeddings
    (the layer that an embedding is tied to counts), slopes of PReLU. Where ``torch.nn.utils.prune`` or NNCF
    masks a weight at every pass, its value is the masked one: of prune's ``NAME_orig`` and ``NAME_mask``,
    under ``NAME``.

    Raises TypeError if ``model`` is no module and ValueError if it has no weight, or a layer that has not yet
    seen its input (Lazy). Source: notebook 01.
    """
    arguments.module("model", model)
    masks = held_masks(model)
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for prefix, module in model.named_modules():
        own = [*module.named_parameters(recurse=False, remove_duplicate=False)]
        own += [(name, b) for name, b in module.named_buffers(recurse=False) if b.layout in SPARSE]
        for name, tensor in own:
            full = f"{prefix}.{name}".lstrip(".")
            if isinstance(tensor, nn.parameter.UninitializedParameter):
                raise ValueError(f"model must have seen an input once: {full} has no shape yet")
            if id(tensor) in seen or not _is_weight(module, name, tensor):
                continue
            seen.add(id(tensor))
            known = _known_name(full, masks)
            found[known] = tensor * masks[known] if known in masks else tensor
    if not found:
        raise ValueError(f"model must have a layer with a weight, got {type(model).__name__} without one")
    return found


def held_masks(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the masks that multiply a parameter at every pass, by its name: those of
    ``torch.nn.utils.prune`` (also of one that never runs, on ``MultiheadAttention.out_proj``), of
    parametrizations with a ``mask``, of NNCF.

    Raises TypeError if ``model`` is no module. Source: notebooks 05 and 09.2.
    """
    state: dict[str, torch.Tensor] = dict(
        arguments.module("model", model).named_parameters(remove_duplicate=False)
    )
    state |= dict(model.named_buffers(remove_duplicate=False))
    found = {}
    for name, tensor in state.items():
        base = name.removesuffix("_mask")
        if base != name and f"{base}_orig" in state:
            found[base] = tensor
        elif match := re.fullmatch(r"(.*?)\.?parametrizations\.(\w+)\.\d+\.mask", name):
            if state[name.rpartition(".")[0].rpartition(".")[0] + ".original"].shape == tensor.shape:
                found[f"{match[1]}.{match[2]}".lstrip(".")] = tensor
        elif match := NNCF.search(name):
            # RB masks are stored as logits
            found[match[1].replace(":", ".")] = tensor if match[2] == "binary_mask" else tensor.detach() > 0
    return found


def stored(tensor: torch.Tensor) -> torch.Tensor:
    """Return the numbers that ``tensor`` stores: itself if it is dense, the kept values of a sparse one.

    Raises TypeError if it is no tensor. Source: notebook 07.2.
    """
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"tensor must be a torch.Tensor, got {type(tensor).__name__}")
    tensor = tensor.detach()
    if tensor.layout == torch.sparse_coo:
        return tensor.coalesce().values()
    return tensor.values() if tensor.layout in SPARSE else tensor


def count_nonzero(tensor: torch.Tensor) -> int:
    """Return how many numbers of ``tensor`` are not zero, for every type that torch can compare.

    >>> count_nonzero(torch.tensor([0.0, 2.0]).to(torch.float8_e4m3fn))
    1

    Quantized numbers count as what they stand for. Raises TypeError for a type without a comparison (packed
    bits), ValueError on the meta device, which holds no values. Source: notebook 01.
    """
    values = stored(tensor)
    if values.is_meta:
        raise ValueError("tensor must hold values to count zeros, got one on the meta device")
    if values.is_quantized:
        values = values.dequantize()
    try:
        return int((values != 0).sum())
    except (RuntimeError, NotImplementedError) as cause:
        raise TypeError(f"tensor must hold numbers that can be compared, got {values.dtype}") from cause


def all_parameters(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the parameters by name, each tensor once, and the tensors that quantized layers keep packed in
    their state.

    Raises TypeError if ``model`` is no module and ValueError if a layer has not yet seen its input (Lazy).
    Source: notebook 00.
    """
    for name, parameter in arguments.module("model", model).named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise ValueError(f"model must have seen an input once: {name} has no shape yet")
        yield name, parameter
    for name, buffer in model.named_buffers():
        if buffer.layout in SPARSE:
            yield name, buffer
    for name, value in model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            yield from packed(name, value)


def packed(name: str, value: object) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors inside ``value``, an entry ``name`` of a state dict: itself, or those of a tuple, a
    list or a dict in any depth. Source: notebook 09.2.
    """
    arguments.text("name", name)
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, tuple | list | Mapping):
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from packed(f"{name}.{key}", part)


def _is_weight(module: nn.Module, name: str, tensor: torch.Tensor) -> bool:
    if isinstance(module, OTHERS) or tensor.ndim < 2:
        return False
    if tensor.layout in SPARSE or (
        isinstance(module, MULTIPLY) and "weight" in name and not name.endswith("_g")  # weight_norm's lengths
    ):
        return True
    return sum(size > 1 for size in tensor.shape) >= 2 and not ADDED.search(name.lower())


def _known_name(name: str, masks: Mapping[str, torch.Tensor]) -> str:
    """Return the name that the layer knows a parameter by, where something masks it: without what
    ``torch.nn.utils.prune`` and parametrizations put around it.
    """
    plain = name.removesuffix("_orig")
    parametrized = name.removesuffix(".original").replace("parametrizations.", "")
    return next((known for known in (plain, parametrized) if known in masks), name)
