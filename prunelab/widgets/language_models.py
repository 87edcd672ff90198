"""The explorer of chapter 10: how much of a language model is pruned, by what, and the line that it then
writes.
"""

import copy

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from torch.utils.data import TensorDataset

from prunelab.criteria.connections import wanda
from prunelab.criteria.layerwise import layer_hessians, sparsegpt_layer
from prunelab.criteria.magnitudes import magnitude, random_scores
from prunelab.language import Decoder, block_names, generate
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.plot import surprises
from prunelab.text import decode, encode
from prunelab.widgets._explorer import explorer

LENGTH = 120
BATCH = 16


def written_text(
    model: Decoder, dataset: TensorDataset, characters: str, prompt: str = "\n  Alice "
) -> w.VBox:
    """Return an explorer: method and sparsity of a cut of the blocks, and what the pruned model writes behind
    ``prompt``.

    ``dataset`` holds windows of character numbers for Wanda and SparseGPT, all layers on the dense model's
    inputs. The ground of a character shows how surprising the dense model finds it; the text gives the mean.
    Raises TypeError or ValueError for bad data, a model that is no Decoder, or a prompt with other
    ``characters``. Source: notebook 10.1."""
    names = [name for block in block_names(model) for name in block]
    start = encode(prompt, characters)
    hessians = layer_hessians(model, dataset, names=names, batch_size=BATCH)
    scores = {
        "random": (random_scores(model), "layer"),
        "magnitude": (magnitude(model), "layer"),
        "Wanda": (wanda(model, dataset, batch_size=BATCH), "output"),
    }

    def draw(method: str, sparsity: float) -> tuple[Figure, str]:
        pruned = copy.deepcopy(model)
        if method == "SparseGPT":
            weights = prunable(model)
            cut = {name: sparsegpt_layer(weights[name], hessians[name], sparsity) for name in names}
            pruned.load_state_dict(cut, strict=False)
        else:
            found, scope = scores[method]
            apply_masks(pruned, mask_model({name: found[name] for name in names}, sparsity, scope))
        line = generate(pruned, start, LENGTH, temperature=0.6)
        whole = torch.cat([start, line])
        with torch.inference_mode():
            predicted = model(whole[None, :-1])[0].log_softmax(1) / -torch.log(torch.tensor(2.0))
        bits = predicted[torch.arange(len(start) - 1, len(whole) - 1), line]
        return (
            surprises(decode(line, characters), bits.tolist()),
            f"{method}, {sparsity:.0%}: {bits.mean():.2f} bits per character",
        )

    return explorer(
        draw,
        method=w.Dropdown(options=[*scores, "SparseGPT"], value="magnitude", description="method"),
        sparsity=w.FloatSlider(value=0.5, min=0, max=0.95, step=0.05, description="sparsity"),
    )
