"""Small networks with one kind of coupling each, and their coupled groups, written down by hand."""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    """Layers by name and a forward pass that is handed in."""

    def __init__(self, forward, **layers):
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.way = forward

    def forward(self, x):
        return self.way(self, x)


def conv(i, o, k=3, **more):
    return nn.Conv2d(i, o, k, padding=k // 2, **more)


def residual():
    layers = {
        "stem": conv(3, 8),
        "norm": nn.BatchNorm2d(8),
        "inner": conv(8, 6),
        "outer": conv(6, 8),
        "last": nn.BatchNorm2d(8),
    }

    def forward(m, x):
        x = F.relu(m.norm(m.stem(x)))
        x = F.relu(x + m.last(m.outer(F.relu(m.inner(x)))))
        return m.head(x.mean((2, 3)))

    return Net(forward, **layers, head=nn.Linear(8, 5))


def inplace_sum():
    def forward(m, x):
        x = m.relu(m.stem(x))
        out = m.outer(x)
        out += x
        return m.head(torch.flatten(m.relu(out), 1))

    return Net(
        forward, stem=conv(3, 8), outer=conv(8, 8), relu=nn.ReLU(inplace=True), head=nn.Linear(8 * 64, 5)
    )


def concatenation():
    def forward(m, x):
        a = F.silu(m.a(x))
        both = torch.cat([a, m.b(a), x], dim=1)
        return m.head(m.norm(m.c(m.first(both))).flatten(1))

    layers = {
        "a": conv(3, 6),
        "b": conv(6, 4),
        "first": nn.BatchNorm2d(13),
        "c": conv(13, 4),
        "norm": nn.BatchNorm2d(4),
    }
    return Net(forward, **layers, head=nn.Linear(4 * 64, 5))


def depthwise():
    def forward(m, x):
        x = F.relu6(m.n1(m.expand(x)))
        x = F.hardswish(m.n2(m.deep(x)))
        return m.head(F.adaptive_avg_pool2d(m.project(x), 1).flatten(1))

    layers = {
        "expand": conv(3, 8, 1),
        "n1": nn.BatchNorm2d(8),
        "deep": conv(8, 16, groups=8),
        "n2": nn.BatchNorm2d(16),
    }
    return Net(forward, **layers, project=conv(16, 6, 1), head=nn.Linear(6, 5))


def grouped():
    def forward(m, x):
        return m.head(m.pool(m.c(F.relu(m.b(m.a(x))))).flatten(1))

    return Net(
        forward,
        a=conv(3, 12),
        b=conv(12, 8, groups=4),
        c=conv(8, 6),
        pool=nn.AvgPool2d(4),
        head=nn.Linear(24, 5),
    )


def squeeze_excite():
    def forward(m, x):
        x = F.silu(m.a(x))
        gate = torch.sigmoid(m.up(F.relu(m.down(F.adaptive_avg_pool2d(x, 1)))))
        return m.head(m.b(gate * x).mean((2, 3)))

    return Net(
        forward, a=conv(3, 8), down=conv(8, 4, 1), up=conv(4, 8, 1), b=conv(8, 6), head=nn.Linear(6, 5)
    )


def attention_over_places():
    """A map with one channel multiplies all others: it couples nothing, and cannot go itself."""

    def forward(m, x):
        x = F.relu(m.a(x))
        return m.head(m.b(x * torch.sigmoid(m.where(x))).mean((2, 3)))

    return Net(forward, a=conv(3, 8), where=conv(8, 1), b=conv(8, 6), head=nn.Linear(6, 5))


def transformer_block():
    def forward(m, x):
        x = m.embed(x.flatten(2).transpose(1, 2))
        x = x + m.down(F.gelu(m.up(m.norm(x))))
        return m.head(x.mean(1))

    layers = {
        "embed": nn.Linear(3, 8),
        "norm": nn.LayerNorm(8),
        "up": nn.Linear(8, 16),
        "down": nn.Linear(16, 8),
    }
    return Net(forward, **layers, head=nn.Linear(8, 5))


def shuffle():
    """Halves that are parted, put together and shuffled: the same place of each goes."""

    def forward(m, x):
        x = m.a(x)
        left, right = x.chunk(2, dim=1)
        x = torch.cat([left, m.c(F.relu(m.b(right)))], 1)
        n, c, h, w = x.size()
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
        return m.head(x.mean([2, 3]))

    return Net(forward, a=conv(3, 8), b=conv(4, 6), c=conv(6, 4), head=nn.Linear(8, 5))


# network -> {name of the group: its members}
NETWORKS = {
    residual: {
        "stem.weight": {
            "stem.weight 0",
            "stem.bias 0",
            "norm.weight 0",
            "norm.bias 0",
            "inner.weight 1",
            "outer.weight 0",
            "outer.bias 0",
            "last.weight 0",
            "last.bias 0",
            "head.weight 1",
        },
        "inner.weight": {"inner.weight 0", "inner.bias 0", "outer.weight 1"},
    },
    inplace_sum: {
        "stem.weight": {
            "stem.weight 0",
            "stem.bias 0",
            "outer.weight 0",
            "outer.bias 0",
            "outer.weight 1",
            "head.weight 1",
        }
    },
    concatenation: {
        "a.weight": {"a.weight 0", "a.bias 0", "b.weight 1", "first.weight 0", "first.bias 0", "c.weight 1"},
        "b.weight": {"b.weight 0", "b.bias 0", "first.weight 0", "first.bias 0", "c.weight 1"},
        "c.weight": {"c.weight 0", "c.bias 0", "norm.weight 0", "norm.bias 0", "head.weight 1"},
    },
    depthwise: {
        "expand.weight": {
            "expand.weight 0",
            "expand.bias 0",
            "n1.weight 0",
            "n1.bias 0",
            "deep.weight 0",
            "deep.bias 0",
            "n2.weight 0",
            "n2.bias 0",
            "project.weight 1",
        },
        "project.weight": {"project.weight 0", "project.bias 0", "head.weight 1"},
    },
    grouped: {
        "a.weight": {"a.weight 0", "a.bias 0", "b.weight 0", "b.bias 0", "c.weight 1"},
        "c.weight": {"c.weight 0", "c.bias 0", "head.weight 1"},
    },
    squeeze_excite: {
        "a.weight": {"a.weight 0", "a.bias 0", "down.weight 1", "up.weight 0", "up.bias 0", "b.weight 1"},
        "down.weight": {"down.weight 0", "down.bias 0", "up.weight 1"},
        "b.weight": {"b.weight 0", "b.bias 0", "head.weight 1"},
    },
    attention_over_places: {
        "a.weight": {"a.weight 0", "a.bias 0", "where.weight 1", "b.weight 1"},
        "b.weight": {"b.weight 0", "b.bias 0", "head.weight 1"},
    },
    transformer_block: {"up.weight": {"up.weight 0", "up.bias 0", "down.weight 1"}},
    shuffle: {
        "a.weight": {"a.weight 0", "a.bias 0", "b.weight 1", "c.weight 0", "c.bias 0", "head.weight 1"},
        "b.weight": {"b.weight 0", "b.bias 0", "c.weight 1"},
    },
}
BEHIND_PADDING = {
    (residual, "stem.weight"),
    (residual, "inner.weight"),
    (inplace_sum, "stem.weight"),
    (concatenation, "a.weight"),
    (concatenation, "b.weight"),
    (grouped, "a.weight"),
    (squeeze_excite, "a.weight"),
    (attention_over_places, "a.weight"),
    (shuffle, "a.weight"),
    (shuffle, "b.weight"),
}
EXAMPLE = torch.zeros(2, 3, 8, 8)
