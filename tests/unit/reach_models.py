"""Small networks of the kinds that people bring, one each: what must be found in them, and an input."""

import torch
import torch.nn.functional as F
from coupled_models import Net
from torch import nn
from torch.nn.utils import parametrizations

IMAGE, SERIES = torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 16)


def conv(i, o, k=3, **more):
    return nn.Conv2d(i, o, k, padding=k // 2, **more)


def transposed():
    def forward(m, x):
        return m.head(m.c(F.relu(m.up(F.relu(m.a(x))))).mean((2, 3)))

    return Net(
        forward, a=conv(3, 6), up=nn.ConvTranspose2d(6, 8, 2, stride=2), c=conv(8, 4), head=nn.Linear(4, 5)
    )


def unet():
    def forward(m, x):
        high = F.relu(m.norm(m.down1(x)))
        low = F.relu(m.down2(F.max_pool2d(high, 2)))
        up = m.up(low)
        return m.out(F.relu(m.merge(torch.cat([high, up], 1))))

    return Net(
        forward,
        down1=conv(3, 6),
        norm=nn.BatchNorm2d(6),
        down2=conv(6, 8),
        up=nn.ConvTranspose2d(8, 5, 2, stride=2),
        merge=conv(11, 6),
        out=nn.Conv2d(6, 2, 1),
    )


def group_norm():
    def forward(m, x):
        return m.head(m.b(F.relu(m.norm(m.a(x)))).mean((2, 3)))

    return Net(forward, a=conv(3, 8), norm=nn.GroupNorm(4, 8), b=conv(8, 4), head=nn.Linear(4, 5))


def instance_norm():
    def forward(m, x):
        return m.head(m.b(F.relu(m.norm(m.a(x)))).mean((2, 3)))

    return Net(
        forward, a=conv(3, 8), norm=nn.InstanceNorm2d(8, affine=True), b=conv(8, 4), head=nn.Linear(4, 5)
    )


def prelu():
    return nn.Sequential(conv(3, 6), nn.PReLU(6), conv(6, 4), nn.PReLU(), nn.Flatten(), nn.Linear(256, 5))


class Scale(nn.Module):
    """A parameter of its own, as layer scale."""

    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x * self.gamma.view(1, -1, 1, 1)


def scale():
    return nn.Sequential(conv(3, 6), Scale(6), conv(6, 4), nn.Flatten(), nn.Linear(256, 5))


def pixel_shuffle():
    return nn.Sequential(conv(3, 16), nn.PixelShuffle(2), conv(4, 6), nn.PixelUnshuffle(2), conv(24, 2))


class C2f(nn.Module):
    """The block of recent YOLO networks: split, a chain of additions, everything put together again."""

    def __init__(self, width=8, n=2):
        super().__init__()
        self.c = width // 2
        self.cv1, self.cv2 = conv(3, width, 1), conv(self.c * (n + 2), 6, 1)
        self.m = nn.ModuleList(
            nn.Sequential(conv(self.c, self.c), nn.SiLU(), conv(self.c, self.c)) for _ in range(n)
        )
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        y = list(self.cv1(x).split((self.c, self.c), 1))
        y.extend(y[-1] + block(y[-1]) for block in self.m)
        return self.head(self.cv2(torch.cat(y, 1)).mean((2, 3)))


def chunks():
    def forward(m, x):
        left, right = m.a(x).chunk(2, 1)
        return m.head(m.b(left * torch.sigmoid(right)).mean((2, 3)))

    return Net(forward, a=conv(3, 12), b=conv(6, 4), head=nn.Linear(4, 5))


def focus():
    def forward(m, x):
        x = m.a(x)
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        return m.head(m.b(x).mean((2, 3)))

    return Net(forward, a=conv(3, 6), b=conv(24, 4), head=nn.Linear(4, 5))


def halves():
    def forward(m, x):
        x = m.a(x)
        c = x.shape[1]
        return m.head(m.b(x[:, : c // 2] + x[:, c // 2 :]).mean((2, 3)))

    return Net(forward, a=conv(3, 8), b=conv(4, 6), head=nn.Linear(6, 5))


class Shuffle(nn.Module):
    """Channel shuffles, the number of groups an attribute or a number."""

    def __init__(self):
        super().__init__()
        self.groups = 2
        self.a, self.b, self.head = conv(3, 8), conv(8, 8), nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu(self.a(x))
        n, c, h, w = x.shape
        x = x.view(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(F.channel_shuffle(self.b(x), 2).mean((2, 3)))


def one_dimension():
    layers = (nn.Conv1d(3, 6, 3), nn.BatchNorm1d(6), nn.ReLU(), nn.Conv1d(6, 4, 3), nn.AdaptiveMaxPool1d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 5))


def three_dimensions():
    layers = (nn.Conv3d(3, 6, 3), nn.BatchNorm3d(6), nn.ReLU(), nn.Conv3d(6, 4, 3), nn.AdaptiveAvgPool3d(1))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 5))


class Recurrent(nn.Module):
    """A recurrent network between two linear layers."""

    def __init__(self, kind=nn.LSTM, **more):
        super().__init__()
        self.first, self.rnn = nn.Linear(3, 5), kind(5, 6, batch_first=True, **more)
        self.head = nn.Linear(6 * (1 + more.get("bidirectional", False)), 4)

    def forward(self, x):
        return self.head(self.rnn(self.first(x.transpose(1, 2)))[0])


def encoder_layer():
    def forward(m, x):
        return m.head(m.layer(m.embed(x.transpose(1, 2))))

    layer = nn.TransformerEncoderLayer(8, 4, 12, batch_first=True, norm_first=True)
    return Net(forward, embed=nn.Linear(3, 8), layer=layer, head=nn.Linear(8, 5))


class Attention(nn.Module):
    """Self-attention in the style of timm, with a scale that does not depend on what is left."""

    def __init__(self, dim=12, heads=4, groups=4):
        super().__init__()
        self.num_heads, self.num_kv, self.head_dim = heads, groups, dim // heads
        self.q, self.kv = nn.Linear(dim, dim), nn.Linear(dim, 2 * groups * self.head_dim)
        self.proj, self.embed = nn.Linear(dim, dim), nn.Linear(3, dim)

    def forward(self, x):
        x = self.embed(x.transpose(1, 2))
        b, n, _ = x.shape
        q = self.q(x).view(b, n, self.num_heads, self.head_dim).transpose(1, 2)
        k, v = self.kv(x).view(b, n, 2, self.num_kv, self.head_dim).permute(2, 0, 3, 1, 4)
        repeat = self.num_heads // self.num_kv
        k, v = (t[:, :, None].expand(-1, -1, repeat, -1, -1).flatten(1, 2) for t in (k, v))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.proj(y)


class TwoInputs(nn.Module):
    """Two inputs, a dict and a tuple of outputs, control flow on the data, a head that is called on several
    levels.
    """

    def __init__(self):
        super().__init__()
        self.a, self.b, self.down, self.head = conv(3, 6), conv(3, 6), conv(6, 6), conv(6, 2)

    def forward(self, x, y, flag=None):
        x = F.relu(self.a(x))
        if flag or x.sum() >= 0:
            x = x + F.relu(self.b(y))
        low = F.relu(self.down(F.avg_pool2d(x, 2)))
        return {"levels": (self.head(x), self.head(low)), "count": len(x)}


class Own(nn.Conv2d):
    """A user's subclass that does something to its result."""

    def forward(self, x):
        return 2 * super().forward(x)


def subclass():
    return nn.Sequential(Own(3, 6, 3), nn.ReLU(), Own(6, 4, 3), nn.Flatten(), nn.Linear(64, 5))


def weight_norm():
    first = parametrizations.weight_norm(nn.Conv2d(3, 6, 3))
    return nn.Sequential(first, nn.ReLU(), nn.Conv2d(6, 4, 3), nn.Flatten(), nn.Linear(64, 5))


class Tied(nn.Module):
    """An embedding tied to the output layer, with a gated MLP between them."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 6)
        self.up, self.gate, self.down = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 6)

    def forward(self, numbers):
        x = self.embed(numbers)
        return F.linear(x + self.down(F.silu(self.gate(x)) * self.up(x)), self.embed.weight)


class Cascade(nn.Module):
    """Concatenations and splits in a cascade, as Torch-Pruning tests them."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = conv(3, 4), conv(3, 6), conv(10, 8), conv(5, 6)
        self.head = nn.Linear(9, 5)

    def forward(self, x):
        both = torch.cat([self.a(x), self.b(x)], 1)
        first, second = torch.split(self.c(both), [3, 5], 1)
        return self.head(torch.cat([first, self.d(second)], 1).mean((2, 3)))


class Bare(nn.Module):
    """Unwrapped parameters: a weight and a table that no layer owns."""

    def __init__(self):
        super().__init__()
        self.weight, self.place = nn.Parameter(torch.randn(7, 3)), nn.Parameter(torch.randn(1, 16, 7))
        self.head = nn.Linear(7, 5)

    def forward(self, x):
        return self.head(torch.relu(x.transpose(1, 2) @ self.weight.t() + self.place))


def einsum():
    def forward(m, x):
        return m.head(torch.einsum("nct,dc->ntd", m.a(x), m.b.weight).relu())

    return Net(forward, a=nn.Conv1d(3, 6, 1), b=nn.Linear(6, 7, bias=False), head=nn.Linear(7, 5))


# network -> its input, and how many channels each of its groups has, by the group's name
REACH = {
    transposed: (IMAGE, {"a.weight": 6, "up.weight": 8, "c.weight": 4}),
    unet: (IMAGE, {"down1.weight": 6, "down2.weight": 8, "up.weight": 5, "merge.weight": 6}),
    group_norm: (IMAGE, {"a.weight": 4, "b.weight": 4}),
    instance_norm: (IMAGE, {"a.weight": 8, "b.weight": 4}),
    prelu: (IMAGE, {"0.weight": 6, "2.weight": 4}),
    scale: (IMAGE, {"0.weight": 6, "2.weight": 4}),
    pixel_shuffle: (IMAGE, {"0.weight": 4, "2.weight": 6}),
    C2f: (IMAGE, {"cv1.weight": 4, "m.0.0.weight": 4, "m.1.0.weight": 4, "cv2.weight": 6}),
    chunks: (IMAGE, {"a.weight": 6, "b.weight": 4}),
    focus: (IMAGE, {"a.weight": 6, "b.weight": 4}),
    halves: (IMAGE, {"a.weight": 4, "b.weight": 6}),
    Shuffle: (IMAGE, {"a.weight": 4, "b.weight": 4}),
    one_dimension: (SERIES, {"0.weight": 6, "3.weight": 4}),
    three_dimensions: (torch.zeros(1, 3, 8, 8, 8), {"0.weight": 6, "3.weight": 4}),
    Recurrent: (SERIES, {"first.weight": 5, "rnn.weight_ih_l0": 6}),
    encoder_layer: (SERIES, {"layer.self_attn.in_proj_weight": 4, "layer.linear1.weight": 12}),
    Attention: (SERIES, {"q.weight": 4, "embed.weight": 12}),
    TwoInputs: ((IMAGE, IMAGE), {"a.weight": 6}),
    subclass: (IMAGE, {"0.weight": 6, "2.weight": 4}),
    weight_norm: (IMAGE, {"0.parametrizations.weight.original0": 6, "2.weight": 4}),
    Tied: (torch.zeros(2, 4, dtype=torch.long), {"embed.weight": 6, "up.weight": 8}),
    Cascade: (IMAGE, {"a.weight": 4, "b.weight": 6, "d.weight": 6}),
    Bare: (SERIES, {"weight": 7}),
    einsum: (SERIES, {"a.weight": 6, "b.weight": 7}),
}
