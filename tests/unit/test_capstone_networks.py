"""The capstone's own cells, with the one cell replaced, on networks that are not its stand-in: every cell
runs, checks included, and the verdict is there.
"""

import copy
import importlib.util
from pathlib import Path

import matplotlib
import nbformat
import pytest
import torch
import torchvision
from matplotlib import pyplot as plt
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from prunelab import capstone, measure

matplotlib.use("agg")
NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "capstone.ipynb"
# what the replaced cell sets besides the task: short, for a test
BRIEF = {"PASSES": 2, "LONG": 3, "SHARES": (0.25, 0.5)}


def follow(task: capstone.Task, **settings) -> dict:
    """Run the code cells with ``task`` in place of the cell to replace; return what they define."""
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    names: dict = {"__name__": "__main__"}
    replaced = 0
    threads = torch.get_num_threads()
    try:
        for cell in cells:
            if "bring" in cell.metadata.get("tags", []):
                names |= {"task": task, **BRIEF, **settings}
                replaced += 1
            else:
                exec(compile(cell.source, "capstone.ipynb", "exec"), names)
    finally:
        torch.set_num_threads(threads)
        plt.close("all")
    assert replaced == 1, "one cell to replace, and no other"
    return names


def imitation(model: nn.Module, inputs: torch.Tensor, answer, lr: float = 1e-3):
    """Return train, and the mean squared distance from the dense network's answers on each half of the
    inputs.
    """
    dense = copy.deepcopy(model).eval()
    with torch.no_grad():
        wanted = answer(dense(inputs))
    half = len(inputs) // 2

    def distance(part):
        def asked(model):
            with torch.no_grad():
                return float(F.mse_loss(answer(model(inputs[part])), wanted[part]))

        return asked

    def train(model, passes):
        optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
        for _ in range(passes * 4):
            optimiser.zero_grad()
            F.mse_loss(answer(model(inputs[:half])), wanted[:half]).backward()
            optimiser.step()

    return train, distance(slice(0, half)), distance(slice(half, None))


def proved(names: dict) -> capstone.Choice:
    """Assert what holds of every network that was carried to the end."""
    task, small = names["task"], names["small"]
    assert measure.parameters(small) < measure.parameters(task.model)
    assert measure.macs(small, task.example) < measure.macs(task.model, task.example)
    assert [sentence.split(":")[0] in ("met", "missed") for sentence in names["verdict"]] == [True] * 5
    assert {row["seed"] for row in names["anew"]} == {0, 1, 2} and len(names["anew"]) == 6
    assert not names["groups"].keys() - names["curves"].keys()
    for answer, other in zip(task.answers(small), task.answers(task.model), strict=True):
        assert answer.shape == other.shape, "the outputs keep their form"
    return names["choice"]


def test_mobilenet_with_a_negative_number():
    torch.manual_seed(0)
    model = torchvision.models.mobilenet_v3_small(weights=None, num_classes=10).eval()
    images = torch.randn(48, 3, 32, 32)
    train, valid, test = imitation(model, images, lambda answer: 10 * answer)
    task = capstone.Task(
        model=model,
        example=images[:4],
        validate=lambda model: -valid(model),
        test=lambda model: -test(model),
        better="larger",
        train=train,
        inputs=images[:24],
        faster=1.2,
        smaller=1.2,
        price=5.0,
    )
    names = follow(task, SHARES=(0.5,))
    proved(names)
    assert len(names["groups"]) > 20, "every block has a group to itself"
    assert names["dense"] == 0.0 > names["choice"].damaged


class Attentive(nn.Module):
    """Convolutions with GroupNorm, attention over the places, a bare parameter, and answers in a dict."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.SiLU())
        self.body = nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1), nn.GroupNorm(4, 32), nn.SiLU())
        self.place = nn.Parameter(0.1 * torch.randn(1, 16, 32))
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32))
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        x = self.body(self.stem(x)).flatten(2).transpose(1, 2) + self.place
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = x + self.mlp(x)
        return {"classes": self.head(x.mean(1)), "map": x}


def test_groupnorm_and_attention_with_a_loss_above_a_hundred():
    torch.manual_seed(0)
    model, images = Attentive().eval(), torch.randn(64, 1, 16, 16)
    train, valid, test = imitation(model, images, lambda answer: answer["classes"])
    task = capstone.Task(
        model=model,
        example=images[:8],
        validate=lambda model: 200 + 1000 * valid(model),
        test=lambda model: 200 + 1000 * test(model),
        better="smaller",
        train=train,
        faster=1.1,
        smaller=1.2,
        price=60.0,
    )
    names = follow(task)
    choice = proved(names)
    assert choice.repaired >= 200 and names["tested"]["dense"] == 200
    new, shuffled = capstone.fresh(choice.shape, 0)
    assert "place" in shuffled
    old = dict(choice.shape.named_parameters())
    kept = [name for name, p in new.named_parameters() if p.ndim > 1 and torch.equal(p, old[name])]
    assert not kept, "every weight is new, attention's too"


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(12, 16)
        self.lstm = nn.LSTM(16, 32, 2, batch_first=True, bidirectional=False)
        self.head = nn.Linear(32, 12)

    def forward(self, tokens):
        hidden, state = self.lstm(self.embedding(tokens))
        return self.head(hidden), state[0]


def test_an_lstm_with_a_share_from_zero_to_one():
    torch.manual_seed(0)
    tokens = torch.randint(12, (256, 12))

    def loss_of(model, part):
        return F.cross_entropy(model(tokens[part])[0][:, 1:].flatten(0, 1), tokens[part][:, :-1].flatten())

    def share(part):  # of tokens that are the one before
        def asked(model):
            with torch.no_grad():
                return float(
                    (model(tokens[part])[0][:, 1:].argmax(-1) == tokens[part][:, :-1]).double().mean()
                )

        return asked

    def train(model, passes):
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(passes * 8):
            optimiser.zero_grad()
            loss_of(model, slice(0, 128)).backward()
            optimiser.step()

    model = Tagger()
    train(model, 12)
    task = capstone.Task(
        model=model,
        example=tokens[:4],
        validate=share(slice(128, 192)),
        test=share(slice(192, None)),
        better="larger",
        train=train,
        faster=1.1,
        smaller=1.2,
        price=0.1,
    )
    names = follow(task)
    proved(names)
    assert 0.8 < names["dense"] <= 1 and any("lstm" in name for name in names["choice"].shares)
    assert names["small"].lstm.hidden_size < 32 or names["small"].lstm.weight_hh_l1.shape[1] < 32


class SileroVAD(nn.Module):
    """Speech or none, for 512 samples behind 64 of the past: a Fourier transform as a fixed convolution, four
    convolutions, an LSTM cell. Written after the description of its layers in the package silero-vad."""

    def __init__(self):
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, 128, bias=False)
        self.conv1, self.conv2 = nn.Conv1d(129, 128, 3, 1, 1), nn.Conv1d(128, 64, 3, 2, 1)
        self.conv3, self.conv4 = nn.Conv1d(64, 64, 3, 2, 1), nn.Conv1d(64, 128, 3, 1, 1)
        self.lstm_cell, self.final_conv = nn.LSTMCell(128, 128), nn.Conv1d(128, 1, 1)
        self.stft_conv.weight.requires_grad_(False)

    def forward(self, sound, state=None):
        real, imaginary = self.stft_conv(F.pad(sound, (0, 64), "reflect")[:, None]).chunk(2, 1)
        x = (real**2 + imaginary**2).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x).relu()
        h, c = self.lstm_cell(x.squeeze(-1), state)
        return self.final_conv(h[..., None].relu()).sigmoid().squeeze(-1), h, c


def test_silero_with_percent_and_a_state():
    found = importlib.util.find_spec("silero_vad")  # its __init__ wants torchaudio
    if found is None:
        pytest.skip("pip install silero-vad: real weights in a wheel")
    model = SileroVAD()
    weights = Path(found.submodule_search_locations[0]) / "data" / "silero_vad_16k.safetensors"
    model.load_state_dict(load_file(weights))
    draw = torch.Generator().manual_seed(0)
    # voices for a test: chords of a few overtones with noise; and noise alone
    time = torch.arange(576) / 16000
    base = 90 + 200 * torch.rand(96, 1, 1, generator=draw)
    tones = torch.sin(2 * torch.pi * base * torch.arange(1, 9)[None, :, None] * time).mean(1)
    sounds = 0.02 * torch.randn(96, 576, generator=draw) + tones * (torch.rand(96, 1, generator=draw) < 0.7)
    state = (torch.zeros(48, 128), torch.zeros(48, 128))
    train, valid, test = imitation(model.eval(), sounds, lambda answer: answer[1])
    task = capstone.Task(
        model=model,
        example=(sounds[:1], tuple(part[:1] for part in state)),
        validate=lambda model: 100 - 100 * valid(model),
        test=lambda model: 100 - 100 * test(model),
        better="larger",
        train=train,
        faster=1.2,
        smaller=1.2,
        price=3.0,
    )
    names = follow(task)
    choice = proved(names)
    assert torch.equal(names["small"].stft_conv.weight, model.stft_conv.weight) or choice.shares
    new, _ = capstone.fresh(choice.shape, 1)
    assert torch.equal(new.stft_conv.weight, choice.shape.stft_conv.weight), "what is frozen is not learned"
