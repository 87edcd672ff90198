"""Rounds of pruning: what each rewind leaves in the network, and that nothing pruned comes back."""

import pytest
import torch
from torch import nn

from prunelab.masks import prunable
from prunelab.rewinding import prune_rounds


def chain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 4))


def shift(model, masks):
    """A "training" that a test can follow: every weight moves, also those that are masked."""
    with torch.no_grad():
        for weight in prunable(model).values():
            weight.mul_(2).add_(0.01)


SHARES = {"0.weight": 0.2, "2.weight": 0.1}


@pytest.mark.parametrize("back", ["initial", "early", None])
def test_what_is_left_after_the_last_round(back):
    model, start = chain(), chain().state_dict()
    early = {name: value + 1 for name, value in start.items()}
    target = {"initial": start, "early": early, None: None}[back]
    masks = prune_rounds(model, shift, SHARES, 3, target)
    assert {n: int(m.sum()) for n, m in masks.items()} == {"0.weight": 51, "2.weight": 29}  # 0.8**3, 0.9**3
    for name, mask in masks.items():
        weight = prunable(model)[name].detach()
        assert (weight[~mask] == 0).all()
        if target is not None:
            assert torch.equal(weight[mask], target[name][mask])
        else:
            assert not torch.allclose(weight[mask], start[name][mask]), "the trained weights stay"


def test_the_masks_shrink_from_round_to_round_and_the_trained_weights_choose():
    seen = []

    def fit(model, masks):
        seen.append({name: mask.clone() for name, mask in masks.items()})
        with torch.no_grad():
            model[0].weight.copy_(torch.arange(100.0).view(10, 10) - 99)  # the last ones are the smallest

    model = chain()
    masks = prune_rounds(model, fit, {"0.weight": 0.5}, 2, chain().state_dict())
    assert seen[0] == {} and int(seen[1]["0.weight"].sum()) == 50
    assert masks["0.weight"].flatten().nonzero().flatten().tolist() == list(range(25))
    assert (seen[1]["0.weight"] >= masks["0.weight"]).all()


def test_the_state_to_go_back_to_is_copied_at_once():
    model = chain()
    live = model.state_dict()  # shares its memory with the model, which is trained
    begun = model[0].weight.detach().clone()
    masks = prune_rounds(model, shift, {"0.weight": 0.5}, 1, live)
    assert torch.equal(model[0].weight[masks["0.weight"]], begun[masks["0.weight"]])


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"fit": 3}, TypeError, "fit must be a function"),
        ({"fit": nn.Linear(1, 1)}, TypeError, "fit must be a function"),
        ({"shares": {}}, ValueError, "shares"),
        ({"shares": {"0.weight": 1.0}}, ValueError, "must be below 1"),
        ({"shares": {"9.weight": 0.1}}, ValueError, "a name in shares"),
        ({"rounds": 0}, ValueError, "rounds"),
        ({"rewind_to": {"0.weight": torch.ones(10, 10)}}, ValueError, "rewind_to must be a state dict"),
        ({"rewind_to": {n: torch.ones(1) for n in chain().state_dict()}}, ValueError, "rewind_to"),
        ({"model": "chain"}, TypeError, "model"),
    ],
)
def test_bad_arguments_train_nothing(change, error, says):
    def never(model, masks):
        raise AssertionError("trained")

    arguments = {"model": chain(), "fit": never, "shares": SHARES, "rounds": 2, "rewind_to": None}
    with pytest.raises(error, match=says):
        prune_rounds(**arguments | change)
