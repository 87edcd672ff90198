"""What the cases of several exercises share: random inputs, small networks, references of more than one
exercise.
"""

import math
from functools import cache

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.data import Mnist

EXACTLY_ZERO = (
    "Nearly zero is not zero: a subtraction leaves a last bit behind, and nobody recognises the weight as"
    " pruned. Set it to 0."
)


class OwnLinear(nn.Linear):
    """A Linear layer of a class of its own, as libraries have them."""


class OwnConv2d(nn.Conv2d):
    """A convolution of a class of its own."""


def half_up(number):
    """Return the nearest integer, of two the larger one; Python's round() takes the even one."""
    return math.floor(number + 0.5)


def sparse_matrix(rows, columns, density, dtype=torch.float32):
    """Return a random matrix of whole numbers of both signs, of which about ``density`` are not zero."""
    values = torch.randint(1, 90, (rows, columns)) * (1 - 2 * torch.randint(0, 2, (rows, columns)))
    return (values * (torch.rand(rows, columns) < density)).to(dtype)


def csr_arrays(weight):
    data, indices, indptr = [], [], [0]
    for row in weight.tolist():
        for column, value in enumerate(row):
            if value != 0:
                data.append(value)
                indices.append(column)
        indptr.append(len(data))
    whole = {"dtype": torch.int64}
    return (
        torch.tensor(data, dtype=weight.dtype),
        torch.tensor(indices, **whole),
        torch.tensor(indptr, **whole),
    )


def gaps_with_filler(tape, bits, reach=None, start=-1):
    reach = reach or 2**bits
    gaps, values, here = [], [], start
    for position in tape.nonzero().flatten().tolist():
        while position - here > reach:
            gaps.append(reach), values.append(0.0)
            here += reach
        gaps.append(position - here), values.append(tape[position].item())
        here = position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def lowest(scores, count):
    """Return the positions of the ``count`` lowest scores, of equal ones the earlier."""
    return sorted(range(len(scores)), key=lambda i: (scores[i], i))[:count]


@cache
def toy_task(seed):
    """Return a trained network and data it solves: the class of a point is the nearest of four centres in 12
    dimensions.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        centres = 2.0 * torch.randn(4, 12)
        labels = torch.randint(0, 4, (2048,))
        images = centres[labels] + torch.randn(2048, 12)
        model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 4))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(60):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[:1024]), labels[:1024]).backward()
            optimizer.step()
    splits = [TensorDataset(images[a:b], labels[a:b]) for a, b in ((0, 1024), (1024, 1536), (1536, 2048))]
    return model.eval(), Mnist(*splits)
