"""The decoder: causal, its cache changes nothing, training learns, bits are what a loop over characters
gives.
"""

import json
import math

import pytest
import torch
import torch.nn.functional as F

from prunelab.language import CONTEXT, Decoder, bits_per_character, block_names, generate, train_decoder
from prunelab.masks import keep_top, prunable
from prunelab.models import CHECKPOINTS, DECODER_SEEDS, DECODERS, load_pretrained
from prunelab.text import load_text


def decoder(seed=0):
    torch.manual_seed(seed)
    return Decoder(layers=2, width=16, heads=2).eval()


def numbers(length, seed=1):
    return torch.randint(85, (length,), generator=torch.Generator().manual_seed(seed))


def by_hand(attention, x):
    """Softmax attention written out, head by head and place by place."""
    result, width = torch.zeros_like(x), attention.query.out_features // attention.heads
    q, k, v = attention.query(x), attention.key(x), attention.value(x)
    mixed = torch.zeros_like(q)
    for head in range(attention.heads):
        part = slice(head * width, (head + 1) * width)
        for t in range(len(x)):
            weights = (k[: t + 1, part] @ q[t, part] / math.sqrt(width)).softmax(0)
            mixed[t, part] = weights @ v[: t + 1, part]
    return result + attention.out(mixed)


def test_attention_is_what_the_formula_says():
    attention = decoder().blocks[0].attention
    x = torch.randn(7, 16)
    assert torch.allclose(attention(x[None])[0], by_hand(attention, x), atol=1e-5)


def test_the_defaults_have_the_stated_parameters():
    model = Decoder()
    assert sum(p.numel() for p in model.parameters()) == 831_573
    names = block_names(model)
    assert [len(block) for block in names] == [6] * 4
    assert sum(prunable(model)[name].numel() for block in names for name in block) == 786_432


def test_a_later_character_changes_nothing_before_it():
    model, text = decoder(), numbers(30)
    changed = text.clone()
    changed[20] = (changed[20] + 1) % 85
    before, after = model(text[None])[0], model(changed[None])[0]
    assert torch.allclose(before[:20], after[:20], atol=1e-6) and not torch.allclose(
        before[20:], after[20:], atol=1e-3
    )


def test_a_cache_gives_the_same_logits_in_pieces():
    model, text = decoder(), numbers(40)
    cache = [[] for _ in model.blocks]
    pieces = [model(part[None], cache)[0] for part in (text[:7], text[7:8], text[8:20], text[20:])]
    assert torch.allclose(torch.cat(pieces), model(text[None])[0], atol=1e-5)


@pytest.mark.parametrize("length", [1, 30, CONTEXT - 3])
def test_generation_with_and_without_a_cache_is_the_same(length):
    model, prompt = decoder(), numbers(3)
    assert torch.equal(generate(model, prompt, length), generate(model, prompt, length, cached=False))


def test_generation_goes_on_beyond_the_context_and_follows_its_seed():
    model = decoder()
    long = generate(model, numbers(200), 2 * CONTEXT)
    assert long.shape == (2 * CONTEXT,) and torch.equal(long, generate(model, numbers(200), 2 * CONTEXT))
    assert not torch.equal(long, generate(model, numbers(200), 2 * CONTEXT, seed=1))
    cold = generate(model, numbers(5), 10, temperature=1e-4)
    text = numbers(5).tolist()
    for _ in range(10):
        text.append(int(model(torch.tensor([text]))[0, -1].argmax()))
    assert cold.tolist() == text[5:]


def test_bits_are_the_mean_surprise_of_each_character():
    model, text = decoder().train(), numbers(2 * CONTEXT + 50)
    total = 0.0
    for start in (0, CONTEXT):
        window = text[start : start + CONTEXT + 1]
        logits = model(window[None, :-1])[0].double()
        total -= sum(F.log_softmax(logits[t], 0)[window[t + 1]].item() for t in range(CONTEXT))
    expected = total / (2 * CONTEXT) / math.log(2)
    for batch_size in (1, 32):
        assert bits_per_character(model, text, batch_size) == pytest.approx(expected, rel=1e-5)
    assert model.training, "the mode is left as it was"


def test_training_learns_keeps_the_masks_and_follows_its_seed():
    text = torch.arange(3000) % 7
    models = [decoder() for _ in range(2)]
    masks = {name: keep_top(weight.abs(), 0.5) for name, weight in prunable(models[0]).items()}
    random = torch.random.get_rng_state()
    histories = [train_decoder(model, text, steps=30, batch_size=4, masks=masks, seed=3) for model in models]
    assert (
        histories[0] == histories[1] and len(histories[0]) == 30 and histories[0][-1] < 0.8 * histories[0][0]
    )
    assert all(not weight[~masks[name]].any() for name, weight in prunable(models[0]).items())
    assert torch.equal(random, torch.random.get_rng_state()) and not models[0].training
    assert histories[0] != train_decoder(decoder(), text, steps=30, batch_size=4, masks=masks, seed=4)


@pytest.mark.parametrize("seed", DECODER_SEEDS)
@pytest.mark.parametrize("name", DECODERS)
def test_stored_decoders_load_and_score_what_their_card_says(name, seed):
    model = load_pretrained(name, seed)
    assert isinstance(model, Decoder) and not model.training
    card = json.loads((CHECKPOINTS / f"{name}-seed{seed}.json").read_text(encoding="utf-8"))
    assert bits_per_character(model, load_text().valid) == pytest.approx(card["valid_bits"], abs=1e-3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: train_decoder(m, numbers(100), steps=1), ValueError, "above 128"),
        (lambda m: train_decoder(m, numbers(300).float(), steps=1), TypeError, "int64"),
        (lambda m: train_decoder(m, numbers(300) + 80, steps=1), ValueError, "0 to 84"),
        (lambda m: train_decoder(m, numbers(300), steps=-1), ValueError, "steps"),
        (lambda m: train_decoder(m, numbers(300), steps=1, lr=0), ValueError, "lr"),
        (
            lambda m: train_decoder(m, numbers(300), steps=1, masks={"x": torch.ones(1) > 0}),
            ValueError,
            "masks",
        ),
        (lambda m: train_decoder("model", numbers(300), steps=1), TypeError, "model"),
        (lambda m: bits_per_character(m, numbers(300), 0), ValueError, "batch_size"),
        (lambda m: bits_per_character(m, None), TypeError, "numbers"),
        (lambda m: generate(m, numbers(0), 4), ValueError, "prompt"),
        (lambda m: generate(m, numbers(4)[None], 4), ValueError, "prompt"),
        (lambda m: generate(m, numbers(4), 4, temperature=0), ValueError, "temperature"),
        (lambda m: generate(torch.nn.Linear(1, 1), numbers(4), 4), TypeError, "Decoder"),
        (lambda m: block_names(torch.nn.Linear(1, 1)), ValueError, "ModuleList"),
        (lambda m: load_pretrained("decoder", 3), ValueError, "seed"),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(decoder())
