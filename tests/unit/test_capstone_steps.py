"""The capstone's steps on a network small enough to know every answer, and its words for what is brought
wrongly.
"""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import prune

from prunelab import capstone, measure
from prunelab.surgery import coupled_groups

X = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))


def network() -> nn.Module:
    """16 hidden neurons, of which 4 decide everything and 12 nothing."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
    with torch.no_grad():
        model[2].weight[:, 4:] *= 1e-4
    return model.eval()


def brought(model: object = None, **changes) -> capstone.Task:
    model = network() if model is None else model
    with torch.no_grad():
        wanted = network()(X)

    def distance(part):
        def asked(model):
            with torch.no_grad():
                return float((model(X[part]) - wanted[part]).square().mean().sqrt())

        return asked

    def train(model, passes):
        optimiser = torch.optim.SGD(model.parameters(), 1e-3)
        for _ in range(passes):
            optimiser.zero_grad()
            (model(X[:32]) - wanted[:32]).square().mean().backward()
            optimiser.step()

    given = {
        "model": model,
        "example": X[:4],
        "validate": distance(slice(0, 32)),
        "test": distance(slice(32, None)),
        "better": "smaller",
        "train": train,
        "faster": 1.1,
        "smaller": 1.5,
        "price": 0.01,
    }
    return capstone.Task(**given | changes)


@pytest.fixture(scope="module")
def scanned():
    task = brought()
    groups = coupled_groups(task.model, task.example)
    name = next(iter(groups))
    scores = {name: task.model[2].weight.detach().abs().sum(0)}
    curves = capstone.scan(task, groups, scores, task.check(), (0.25, 0.5, 0.75, 0.9))
    return task, groups, scores, curves


def test_the_scan_knows_what_went_and_what_it_costs(scanned):
    (curve,) = scanned[3].values()
    assert list(curve) == [0.0, 0.25, 0.5, 0.75, 14 / 16], "14 of 16 is what 0.9 removes"
    assert curve[0.0] == 0 and curve[0.75] < 0.001 < 0.01 < curve[14 / 16]


def test_bisection_finds_the_largest_cut_within_the_price(scanned):
    task, groups, scores, curves = scanned
    choice = capstone.choose(task, groups, scores, curves, 1)
    assert list(choice.shares.values()) == [0.75] and choice.model[0].out_features == 4
    assert choice.repaired <= 0.01 < max(step["cost"] for step in choice.tried)
    assert len(choice.tried) <= 3, "four plans, halved"
    assert choice.shape[0].out_features == 4 and not torch.equal(
        choice.shape[0].weight, choice.model[0].weight
    )
    assert task.model[0].out_features == 16
    with pytest.raises(ValueError, match=r"no cut costs at most the price of 1e-09: the least of 3 tried"):
        capstone.choose(brought(price=1e-9), groups, scores, curves, 1)


def test_a_larger_number_that_is_better_gives_the_same(scanned):
    task, groups, scores, _ = scanned
    other = brought(validate=lambda m: -task.validate(m), test=lambda m: -task.test(m), better="larger")
    curves = capstone.scan(other, groups, scores, other.check(), (0.25, 0.5, 0.75, 0.9))
    assert capstone.choose(other, groups, scores, curves, 1).shares == {next(iter(groups)): 0.75}
    assert other.lost(-1, -3) == 2 and task.lost(1, 3) == 2


def test_the_uniform_control_has_no_more_macs(scanned):
    task, groups, scores, _ = scanned
    target = 4 * (6 * 5 + 5 * 2)
    small, share = capstone.uniform(task, groups, scores, target, 1)
    assert measure.macs(small, task.example) <= target and small[0].out_features == 5 and 0 < share < 1
    with pytest.raises(ValueError, match="no uniform cut has at most 1"):
        capstone.uniform(task, groups, scores, 1, 1)


@pytest.mark.parametrize(
    ("channels", "share", "left"), [(64, 0.3, 48), (64, 0.99, 8), (64, 0.05, 64), (20, 0.3, 14), (3, 1.0, 1)]
)
def test_channels_kept(channels, share, left):
    kept = capstone.kept_channels({"a": torch.arange(channels)}, {"a": share})["a"]
    assert kept.sum() == left and kept[-left:].all()


def test_from_scratch_is_new_in_every_parameter():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2)
            self.scale, self.norm = nn.Parameter(torch.randn(5, 3)), nn.BatchNorm1d(4)
            self.fixed = nn.Parameter(torch.randn(3, 3), requires_grad=False)

    torch.manual_seed(5)
    model = Bare()
    for parameter in model.parameters():
        parameter.data.normal_()
    model.norm.running_mean.fill_(3.0)
    state = torch.random.get_rng_state()
    new, shuffled = capstone.fresh(model, 0)
    assert torch.equal(state, torch.random.get_rng_state())
    same = [n for n, p in new.named_parameters() if torch.equal(p, model.get_parameter(n))]
    assert same == ["fixed"] and shuffled == ["scale"] and new.norm.running_mean.sum() == 0
    assert torch.equal(new.scale.sort().values.flatten().sort().values, model.scale.flatten().sort().values)
    again, other = capstone.fresh(model, 0)[0], capstone.fresh(model, 1)[0]
    assert torch.equal(again.scale, new.scale) and not torch.equal(other.scale, new.scale)


def test_stored_baselines_are_taken_for_the_same_shape_only():
    task = brought()
    rows = capstone.trained_anew(task, task.model, (1, 2), (0, 1))
    assert [(row["seed"], row["passes"]) for row in rows] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    told = [row | {"test": 99.0} for row in rows[:1]]
    again = capstone.trained_anew(task, task.model, (1, 2), (0, 1), stored=told)
    assert again[0]["test"] == 99 and again[1]["test"] == rows[1]["test"]
    smaller = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    assert capstone.trained_anew(task, smaller, (1,), (0,), stored=told)[0]["test"] != 99


def test_the_verdict_says_met_and_missed(scanned, tmp_path):
    task, groups, scores, curves = scanned
    choice = capstone.choose(task, groups, scores, curves, 1)
    known = {id(task.model): 0.0, id(choice.model): 0.002}
    page = measure.report(task.model, choice.model, task.example, lambda model: known[id(model)])
    anew = [{"seed": s, "passes": p, "test": t} for p, t in ((1, 0.5), (9, 0.001)) for s in (0, 1, 2)]
    said = capstone.verdict(task, page, {"dense": 0.0, "pruned": 0.002}, anew)
    assert [sentence.split(":")[0] for sentence in said[1:]] == [
        "met" if len(page.rows) else "",
        "met",
        "met",
        "missed",
    ]
    assert (
        "passes: 1, seeds: 3: by ~0.498" in said[3]
        and "passes: 9" in said[4]
        and "~0.002 on test data" in said[2]
    )
    said = capstone.handed_over(task, choice.model, tmp_path)
    assert list(said) == ["pruned.safetensors", "pruned.onnx"] and "any batch" in said["pruned.onnx"]
    assert (tmp_path / "pruned.onnx").stat().st_size < 3000


def test_a_network_without_onnx_is_handed_over_in_words(tmp_path):
    class Sorts(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(6, 2)

        def forward(self, x):
            return self.fc(x) if float(x.detach().sum()) > -1e9 else x  # control flow on data

    model = Sorts().eval()
    said = capstone.handed_over(brought(model), model, tmp_path)
    assert said["pruned.onnx"].startswith("not written: model must be one that torch.onnx can export")
    assert not (tmp_path / "pruned.onnx").exists()


class Tied(nn.Module):
    """An embedding that is the output layer, too, and a block between."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(9, 6), nn.Linear(6, 9, bias=False)
        self.up, self.down = nn.Linear(6, 16), nn.Linear(16, 6)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        x = self.embed(tokens)
        return self.head(x + self.down(self.up(x).relu()))


def test_a_tied_weight_is_handed_over_once(tmp_path):
    torch.manual_seed(0)
    tokens = torch.randint(9, (4, 5))
    task = brought(Tied().eval(), example=tokens)
    groups = coupled_groups(task.model, tokens)
    small = capstone.cut(task, groups, {"up.weight": torch.arange(16) < 4})
    said = capstone.handed_over(task, small, tmp_path)["pruned.safetensors"]
    assert "bytes; head.weight is embed.weight" in said
    stored = load_file(tmp_path / "pruned.safetensors")
    assert "head.weight" not in stored and stored["embed.weight"].shape == (9, 6)
    assert stored["up.weight"].shape == (4, 6)


# --- what is brought wrongly -----------------------------------------------------------------------
def noisy(model):
    noisy.calls = getattr(noisy, "calls", 0) + 1
    return noisy.calls


def hooked():
    model = network()
    prune.l1_unstructured(model[0], "weight", 0.5)
    return model


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "net"}, "model must be a torch.nn.Module"),
        ({"example": [1]}, "example must be a torch.Tensor"),
        ({"example": torch.zeros(4, 5)}, "example must fit the model"),
        ({"validate": 97.0}, "validate must be a function that is given the model"),
        ({"train": nn.Linear(2, 2)}, "train must be a function that is given the model"),
        ({"better": "higher"}, "better must be one of 'larger', 'smaller'"),
        ({"price": 0}, "price must be positive"),
        ({"inputs": torch.zeros(4, 5)}, "inputs must fit the model"),
    ],
)
def test_what_is_brought_wrongly_is_said(changes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        brought(**changes)


def test_masks_at_work_are_refused():
    with pytest.raises(ValueError, match=r"no mask at work, got one on 0\.weight: call prune\.remove first"):
        brought(hooked())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: brought(validate=noisy).check(), "validate must give the same number twice"),
        (lambda: brought(validate=lambda m: None).check(), "validate must return a finite number, got None"),
        (
            lambda: brought(validate=lambda m: float("nan")).check(),
            "validate must return a finite number, got nan",
        ),
        (
            lambda: brought(validate=lambda m: m[0].bias.data.add_(1.0).sum().item() * 0).check(),
            "validate must leave the network as it is",
        ),
        (lambda: brought(train=lambda m, n: None).trained(network(), 1), "no parameter has changed"),
        (
            lambda: brought(train=lambda m, n: m[0].bias.data.fill_(float("inf"))).trained(network(), 1),
            "train must leave finite parameters",
        ),
        (lambda: capstone.scan(3, {}, {}, 0.0), "task must be a capstone.Task"),
        (
            lambda: capstone.kept_channels({"a": torch.ones(3)}, {"b": 0.5}),
            "a name in shares must be one of 'a'",
        ),
    ],
)
def test_words_for_what_goes_wrong_later(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
