"""Eight networks of Hugging Face: heads and neurons go, exactly, and the modules know their new sizes."""

import pytest
import torch
from surgery_models import masked, randomise
from test_surgery_reach import drawn, halved
from torch.utils._pytree import tree_map

from experiments._hugging_face import HUGGING_FACE
from experiments._reach_networks import NETWORKS
from prunelab.surgery import coupled_groups


def lost(small, model) -> set[str]:
    """Return the modules of which a parameter has fewer entries."""
    sizes = dict(small.named_parameters())
    return {n.rpartition(".")[0] for n, p in model.named_parameters() if sizes[n].numel() < p.numel()}


@pytest.mark.parametrize("name", HUGGING_FACE)
def test_heads_and_neurons_go(name):
    build, example, layers, output = HUGGING_FACE[name]
    torch.manual_seed(0)
    model = randomise(build()).eval()
    example = tree_map(torch.clone, example)
    groups = coupled_groups(model, example)
    masks, small = halved(model, example, groups)
    assert type(small) is type(model)
    for layer in layers:
        assert any(layer in gone for gone in lost(small, model)), f"{layer} lost nothing"
    assert output not in {group.split(".weight")[0] for group in groups}
    inputs = tree_map(drawn, example)
    with torch.no_grad():
        ours, expected = small(**inputs).logits, masked(model, masks)(**inputs).logits
    assert torch.allclose(ours, expected, rtol=0, atol=1e-10) and expected.std() > 0.001


def test_a_causal_model_generates_with_fewer_heads():
    """The cache of keys and values has the heads that are left."""
    build, example, _, _ = HUGGING_FACE["llama"]
    torch.manual_seed(0)
    model = build().eval()
    masks, small = halved(model, example)
    options = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
    ours = small.generate(example["input_ids"], **options)
    assert torch.equal(ours, masked(model, masks).generate(example["input_ids"], **options))


def test_all_of_them_are_in_the_benchmark():
    assert NETWORKS["hugging_face"] == list(HUGGING_FACE)
