"""Mixtures of experts: each row goes through the expert that it chooses, in one kernel without float64."""

import pytest
import torch
import transformers as hf
from surgery_models import masked

from experiments._hugging_face import TEXT
from prunelab.surgery import coupled_groups, coupled_masks, remove_filters

TOKENS = torch.arange(10).view(2, 5)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return hf.MixtralForCausalLM(hf.MixtralConfig(**TEXT, num_key_value_heads=2, num_local_experts=4)).eval()


def cut(model, kept):
    """Return the masks that leave so many neurons of each expert of the first block."""
    groups = coupled_groups(model, {"input_ids": TOKENS})
    name = next(name for name in groups if "experts" in name)
    keep = torch.arange(len(next(iter(groups[name].values())))) < kept
    assert len(keep) == 48
    return coupled_masks(model, {name: groups[name]}, {name: keep})


def test_neurons_of_experts_go(model):
    masks = cut(model, 32)
    small = remove_filters(model, masks, {"input_ids": TOKENS})
    experts = small.model.layers[0].mlp.experts
    assert experts.gate_up_proj.shape == (4, 64, 32) and experts.down_proj.shape == (4, 32, 32)
    with torch.no_grad():
        ours, expected = small(TOKENS).logits, masked(model, masks)(TOKENS).logits
    assert torch.allclose(ours, expected, atol=1e-6) and expected.std() > 0.01


def test_a_number_that_the_kernel_refuses_is_refused_in_words(model):
    masks = cut(model, 33)
    with pytest.raises(ValueError, match=r"a kernel that it calls refuses them.*16 bytes.*eager"):
        remove_filters(model, masks, {"input_ids": TOKENS})
    model.set_experts_implementation("eager")
    small = remove_filters(model, masks, {"input_ids": TOKENS})
    with torch.no_grad():
        ours, expected = small(TOKENS).logits, masked(model, masks)(TOKENS).logits
    assert torch.allclose(ours, expected, atol=1e-6)
