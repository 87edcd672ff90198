"""The models in the form of Llama: they load as transformers loads its own, offline, and score what their
card says; altered files are refused.
"""

import json
import shutil
import subprocess
import sys

import pytest
import torch

from prunelab.language import CONTEXT, bits_per_character, block_names, train_decoder
from prunelab.llama import LLAMA_SEEDS, llama_folder, load_llama, new_llama, smaller_llama
from prunelab.models import CHECKPOINTS, load_pretrained
from prunelab.text import load_text


def test_a_new_model_has_the_form_that_it_is_shown_for():
    model = new_llama(0)
    assert sum(p.numel() for p in model.parameters()) == 908_160
    first = model.model.layers[0]
    assert first.self_attn.q_proj.weight.shape == (128, 128) and first.self_attn.k_proj.weight.shape == (
        64,
        128,
    )
    assert torch.equal(model.lm_head.weight, new_llama(0).lm_head.weight)
    assert not torch.equal(model.lm_head.weight, new_llama(1).lm_head.weight)
    assert len(new_llama(0, num_hidden_layers=2).model.layers) == 2


@pytest.mark.parametrize("seed", LLAMA_SEEDS)
def test_stored_models_score_what_their_card_says(seed):
    model, text = load_llama(seed), load_text()
    card = json.loads((CHECKPOINTS / f"llama-seed{seed}" / "card.json").read_text(encoding="utf-8"))
    assert not model.training and model.dtype == torch.float32
    assert abs(bits_per_character(model, text.valid) - card["valid_bits"]) < 2e-3
    assert card["parameters"] == sum(p.numel() for p in model.parameters())


def test_a_place_does_not_read_what_comes_after_it():
    model, numbers = load_llama(), load_text().valid[:40][None]
    changed = numbers.clone()
    changed[0, 20:] = 3
    with torch.inference_mode():
        before, after = model(numbers).logits, model(changed).logits
    assert torch.allclose(before[:, :20], after[:, :20], atol=1e-5)
    assert not torch.allclose(before[:, 20:], after[:, 20:], atol=1e-2)


def test_training_lowers_the_bits_and_keeps_masks():
    model = new_llama(0, num_hidden_layers=1)
    name = block_names(model)[0][0]
    mask = torch.rand(model.get_parameter(name).shape) > 0.5
    history = train_decoder(model, load_text().train[:20_000], steps=20, batch_size=4, masks={name: mask})
    assert history[-1] < history[0] - 1 and not model.get_parameter(name)[~mask].any()


def test_blocks_are_found_in_models_of_every_kind():
    assert [len(names) for names in block_names(new_llama(0, num_hidden_layers=2))] == [7, 7]
    assert [len(names) for names in block_names(load_pretrained("decoder"))] == [6] * 4
    from transformers import GPT2Config, GPT2LMHeadModel

    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=3, n_head=4, n_positions=32))
    assert [len(names) for names in block_names(gpt2)] == [4] * 3
    with pytest.raises(ValueError, match="ModuleList"):
        block_names(torch.nn.Linear(2, 2))


def test_altered_and_missing_files_are_named(tmp_path):
    for name in ("config.json", "model.safetensors", "card.json"):
        folder = shutil.copytree(CHECKPOINTS / "llama-seed0", tmp_path / name / "llama-seed0")
        (folder / name).write_bytes(b"x" + (folder / name).read_bytes())
        with pytest.raises(ValueError, match=name):
            load_llama(0, folder.parent)
        (folder / name).unlink()
        with pytest.raises(FileNotFoundError, match=name):
            llama_folder(0, folder.parent)
    for seed in (3, -1):
        with pytest.raises(ValueError, match="seed"):
            llama_folder(seed)
    with pytest.raises(ValueError, match="a name in sizes"):
        new_llama(0, width=3)
    with pytest.raises(TypeError, match="must return logits"):
        bits_per_character(Tuple(), load_text().valid[: CONTEXT + 1])


class Tuple(torch.nn.Module):
    def forward(self, numbers):
        return (numbers,)


def test_transformers_is_imported_only_where_it_is_used():
    code = "import sys, prunelab.llama, prunelab.environment; print('transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def masks_of(neurons, groups, stay):
    generator = torch.Generator().manual_seed(0)
    return (
        {i: torch.rand(256, generator=generator).argsort() < neurons for i in stay},
        {i: torch.arange(2) == (0 if i % 2 else 1) for i in stay} if groups == 1 else None,
    )


@pytest.mark.parametrize(("stay", "groups"), [([0, 1, 2, 3], 2), ([0, 2, 3], 1), ([3], 1)])
def test_the_smaller_model_computes_what_the_zeroed_one_does(stay, groups, tmp_path):
    model, numbers = new_llama(0, num_hidden_layers=4), load_text().valid[:60].view(2, 30)
    neurons, heads = masks_of(100, groups, stay)
    small = smaller_llama(model, stay, neurons, heads)
    with torch.no_grad():
        for i in stay:
            layer = model.model.layers[i]
            layer.mlp.down_proj.weight[:, ~neurons[i]] = 0
            if heads is not None:
                layer.self_attn.o_proj.weight[:, ~heads[i].repeat_interleave(64)] = 0
    model.model.layers = torch.nn.ModuleList(model.model.layers[i] for i in stay)
    for number, layer in enumerate(model.model.layers):
        layer.self_attn.layer_idx = number
    model.config.num_hidden_layers = len(stay)
    with torch.inference_mode():
        assert torch.allclose(small(numbers).logits, model(numbers).logits, atol=1e-5)
    small.save_pretrained(tmp_path)
    from transformers import AutoModelForCausalLM

    again = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    with torch.inference_mode():
        assert torch.equal(again(numbers).logits, small(numbers).logits)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"layers": []}, ValueError, "at least one layer"),
        ({"layers": [0, 0]}, ValueError, "each once"),
        ({"layers": [2]}, ValueError, "a number in layers"),
        ({"neurons": {0: torch.ones(256) > 0}}, ValueError, "one mask for each"),
        ({"neurons": {i: torch.ones(5) > 0 for i in range(2)}}, ValueError, "256"),
        ({"neurons": {i: torch.arange(256) > i for i in range(2)}}, ValueError, "the same number"),
        ({"groups": {i: torch.zeros(2) > 0 for i in range(2)}}, ValueError, "at least one"),
        ({"groups": 3}, TypeError, "groups"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(arguments, error, words):
    with pytest.raises(error, match=words):
        smaller_llama(new_llama(0, num_hidden_layers=2), **arguments)
    with pytest.raises(TypeError, match="LlamaForCausalLM"):
        smaller_llama(load_pretrained("decoder"), **arguments)


def test_learning_from_the_dense_model_is_the_kl_divergence_at_every_place():
    teacher, student = new_llama(0, num_hidden_layers=1), new_llama(1, num_hidden_layers=1)
    text = load_text().train[:129]
    with torch.inference_mode():
        p, q = (m(text[None, :-1]).logits[0].double().log_softmax(1) for m in (teacher, student))
    expected = (p.exp() * (p - q)).sum(1).mean() / torch.log(torch.tensor(2.0))
    history = train_decoder(student, text, steps=8, batch_size=2, teacher=teacher)
    assert abs(history[0] - expected) < 1e-4 and history[-1] < history[0]
    assert torch.equal(teacher.lm_head.weight, new_llama(0, num_hidden_layers=1).lm_head.weight)
    with pytest.raises(TypeError, match="teacher"):
        train_decoder(student, text, steps=1, teacher="dense")
