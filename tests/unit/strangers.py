"""Networks that nobody here wrote the capstone for, each with a small task: what they answer on random inputs
is to be kept. The numbers that count differ on purpose: percent, a negative one, one above 100, a share.
"""

import importlib.util
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v3_small

from prunelab import capstone
from prunelab.surgery import reestimate_batchnorm


def distil(answers, inputs, wanted, lr=1e-3):
    """Return ``train(model, passes)``: four steps of Adam a pass, towards what the dense network answers."""

    def train(model, passes):
        optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
        for _ in range(4 * passes):
            optimiser.zero_grad()
            F.mse_loss(answers(model, inputs), wanted).backward()
            optimiser.step()

    return train


def first(model, inputs):
    return model(inputs)


def quiet(answers, model, inputs):
    with torch.no_grad():
        return answers(model, inputs)


def mobilenet() -> capstone.Task:
    """torchvision's MobileNetV3, 27 groups, residual sums, gates; percent of the decisions that stay."""
    torch.manual_seed(0)
    model, images = mobilenet_v3_small(num_classes=10), torch.randn(64, 3, 32, 32)
    reestimate_batchnorm(model, images)
    model.eval()
    with torch.no_grad():
        logits = model(images)
        model.classifier[3].bias -= logits.mean(0)  # else every image is of one class
        wanted = logits - logits.mean(0)

    def agreement(part):
        def asked(model):
            return 100 * float(
                (quiet(first, model, images[part]).argmax(1) == wanted[part].argmax(1)).float().mean()
            )

        return asked

    return capstone.Task(
        model=model,
        example=images[:2],
        validate=agreement(slice(0, 32)),
        test=agreement(slice(32, 64)),
        train=distil(first, images[:32], wanted[:32], 1e-4),
        better="larger",
        faster=1.1,
        smaller=1.1,
        price=60.0,
        inputs=images[:32],
    )


class GroupNormAttention(nn.Module):
    """Convolutions behind GroupNorm, attention over the places, two images in, two tensors out."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm1 = nn.Conv2d(3, 32, 3, padding=1), nn.GroupNorm(8, 32)
        self.conv, self.norm2 = nn.Conv2d(32, 32, 3, stride=2, padding=1, bias=False), nn.GroupNorm(8, 32)
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)
        self.place = nn.Parameter(torch.randn(1, 16, 32) / 5)
        self.up, self.down, self.head = nn.Linear(32, 64), nn.Linear(64, 32), nn.Linear(32, 5)

    def forward(self, image, other):
        x = F.silu(self.norm1(self.stem(image + 0.5 * other)))
        x = F.silu(self.norm2(self.conv(x))).flatten(2).transpose(1, 2) + self.place
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = x + self.down(F.gelu(self.up(x)))
        return {"logits": self.head(x.mean(1)), "energy": x.square().mean((1, 2))}


def group_norm_and_attention() -> capstone.Task:
    """Two inputs, a dict of outputs; a negative number of which larger is better."""
    torch.manual_seed(1)
    model, images = GroupNormAttention().eval(), torch.randn(2, 96, 3, 8, 8)

    def answers(model, pair):
        return model(*pair)["logits"]

    wanted = quiet(answers, model, images)

    def similarity(part):
        return lambda model: (
            -float((quiet(answers, model, images[:, part]) - wanted[part]).square().mean().sqrt())
        )

    return capstone.Task(
        model=model,
        example=tuple(images[:, :4]),
        validate=similarity(slice(0, 32)),
        test=similarity(slice(32, 64)),
        train=distil(answers, images[:, 64:], wanted[64:]),
        better="larger",
        faster=1.1,
        smaller=1.1,
        price=0.3,
    )


class Speller(nn.Module):
    """An embedding, a two-layer LSTM, the next token."""

    def __init__(self, tokens=300):
        super().__init__()
        self.embedding = nn.Embedding(tokens, 24)
        self.lstm = nn.LSTM(24, 48, num_layers=2, batch_first=True)
        self.head = nn.Linear(48, tokens)

    def forward(self, tokens):
        return self.head(self.lstm(self.embedding(tokens))[0])


def lstm() -> capstone.Task:
    """A dict of arguments, whole numbers in; a perplexity of some hundreds, of which smaller is better."""
    torch.manual_seed(2)
    model, texts = Speller().eval(), torch.randint(300, (48, 12)) // torch.randint(1, 9, (48, 1))
    with torch.no_grad():
        model.head.bias -= torch.arange(300) / 100  # rare tokens are rare

    def answers(model, tokens):
        return model(tokens=tokens)

    def perplexity(part):
        def asked(model):
            logits = quiet(answers, model, texts[part, :-1])
            return float(F.cross_entropy(logits.flatten(0, 1), texts[part, 1:].flatten()).exp())

        return asked

    def train(model, passes):
        optimiser = torch.optim.Adam(model.parameters(), 1e-3)
        for _ in range(4 * passes):
            optimiser.zero_grad()
            logits = model(texts[32:, :-1])
            F.cross_entropy(logits.flatten(0, 1), texts[32:, 1:].flatten()).backward()
            optimiser.step()

    return capstone.Task(
        model=model,
        example={"tokens": texts[:4]},
        validate=perplexity(slice(0, 16)),
        test=perplexity(slice(16, 32)),
        train=train,
        better="smaller",
        faster=1.1,
        smaller=1.1,
        price=30.0,
    )


class SileroVAD(nn.Module):
    """The 16 kHz network of silero-vad 6: a spectrum by convolution, an encoder, one step of an LSTM."""

    def __init__(self):
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1, self.conv2 = nn.Conv1d(129, 128, 3, padding=1), nn.Conv1d(128, 64, 3, 2, 1)
        self.conv3, self.conv4 = nn.Conv1d(64, 64, 3, 2, 1), nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell, self.final_conv = nn.LSTMCell(128, 128), nn.Conv1d(128, 1, 1)

    def forward(self, sound, state=None):
        x = self.stft_conv(F.pad(sound, (0, 64), "reflect").unsqueeze(1))
        x = torch.sqrt(x[:, :129] ** 2 + x[:, 129:] ** 2)
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = torch.relu(layer(x))
        h, c = self.lstm_cell(x.squeeze(-1), state)
        speech = torch.sigmoid(self.final_conv(torch.relu(h.unsqueeze(-1))))
        return speech.squeeze(-1), (h, c)


def silero() -> capstone.Task:
    """Trained weights out of the wheel, tuples out; a share between 0 and 1, of which smaller is better."""
    places = importlib.util.find_spec("silero_vad").submodule_search_locations
    model = SileroVAD().eval()
    model.load_state_dict(load_file(Path(places[0]) / "data" / "silero_vad_16k.safetensors"))
    model.stft_conv.weight.requires_grad_(False)
    draw = torch.Generator().manual_seed(3)
    seconds = torch.arange(576) / 16_000
    pitch = 100 + 150 * torch.rand(96, 1, generator=draw)
    voice = sum(torch.sin(2 * torch.pi * k * pitch * seconds) / k for k in range(1, 20))
    sounds = voice * torch.rand(96, 1, generator=draw) / 4 + torch.randn(96, 576, generator=draw) / 50

    def answers(model, sound):
        return model(sound)[1][0]

    def speech(model, part):
        with torch.no_grad():
            return model(sounds[part])[0]

    wanted = quiet(answers, model, sounds)

    def difference(part):
        said = speech(model, part)
        return lambda pruned: float((speech(pruned, part) - said).abs().mean())

    return capstone.Task(
        model=model,
        example=sounds[:1],
        validate=difference(slice(0, 32)),
        test=difference(slice(32, 64)),
        train=distil(answers, sounds[64:], wanted[64:]),
        better="smaller",
        faster=1.1,
        smaller=1.1,
        price=0.1,
    )


STRANGERS = {
    "MobileNetV3": mobilenet,
    "GroupNorm and attention": group_norm_and_attention,
    "LSTM": lstm,
    "silero-vad": silero,
}
