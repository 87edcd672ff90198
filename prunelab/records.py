"""How small can the classic networks go? What the papers report, and what a sparse file really reaches."""

from pathlib import Path
from typing import NamedTuple

from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.data import DATA
from prunelab.masks import prunable
from prunelab.models import MODELS
from prunelab.storage import load_sparse
from prunelab.training import accuracy

RECORDS = DATA / "records"


class Mark(NamedTuple):
    """A point of the race: ``compression`` is weights / nonzero weights, ``error`` the test error in percent,
    or None where only the compression could be read.
    """

    name: str
    compression: float
    error: float | None
    source: str


MARKS = {
    "lenet300": (
        Mark("Han et al.", 12, 1.59, "arXiv 1506.02626"),
        Mark("SNIP", 20, 1.6, "arXiv 1810.02340"),
        Mark("soft weight sharing", 23, 1.94, "arXiv 1702.04008"),
        Mark("SNIP", 50, 2.4, "arXiv 1810.02340"),
        Mark("dynamic network surgery", 56, 1.99, "arXiv 1608.04493"),
        Mark("GSM", 60, None, "arXiv 1909.12778, its repository"),
        Mark("layer-wise OBS", 67, 2.0, "arXiv 1705.07565"),
        Mark("sparse variational dropout", 68, 1.92, "arXiv 1701.05369"),
        Mark("learning-compression", 100, 3.2, "in arXiv 1810.02340"),
    ),
    "lenet5_caffe": (
        Mark("Han et al.", 12, 0.77, "arXiv 1506.02626"),
        Mark("SNIP", 50, 0.8, "arXiv 1810.02340"),
        Mark("SNIP", 100, 1.1, "arXiv 1810.02340"),
        Mark("learning-compression", 100, 1.1, "in arXiv 1810.02340"),
        Mark("layer-wise OBS", 100, 2.1, "arXiv 1705.07565"),
        Mark("dynamic network surgery", 108, 0.91, "arXiv 1608.04493"),
        Mark("soft weight sharing", 200, 0.97, "arXiv 1702.04008"),
        Mark("GSM", 125, None, "arXiv 1909.12778, its repository"),
        Mark("Progressive ADMM", 246, None, 'arXiv 1903.09769, abstract: "(almost) zero accuracy loss"'),
        Mark("sparse variational dropout", 280, 0.75, "arXiv 1701.05369"),
        Mark("GSM", 300, None, "arXiv 1909.12778, its repository"),
        Mark("AutoPrune", 310, None, 'NeurIPS 2019, abstract: "without accuracy drop"'),
    ),
}


HAN = {  # percent of each layer's weights kept, arXiv 1506.02626, tables 3 and 4
    "lenet300": {"fc1": 8, "fc2": 9, "fc3": 26},
    "lenet5_caffe": {"conv1": 66, "conv2": 12, "fc1": 8, "fc2": 19},
}
HAN_RECORD = "han-lenet5_caffe-seed0.safetensors"  # a network pruned to these percentages, in RECORDS


class Entry(NamedTuple):
    """What a sparse file reaches: weights that are not zero, weights / nonzeros, test error in percent, bytes
    of the file.
    """

    nonzeros: int
    compression: float
    error: float
    bytes: int


def evaluate(path: Path | str, network: str, dataset: TensorDataset) -> Entry:
    """Load the sparse file ``path`` into a new ``network`` (a key of ``MARKS``) and count, weigh and test it.

    Nonzeros are those of Linear and Conv2d weights; biases are not counted, as in the papers, but they are in
    the bytes.

    Raises ValueError for an unknown network or one without a nonzero weight, and as ``storage.load_sparse``
    and ``training.accuracy`` do. Source: notebook 08."""
    model = MODELS[arguments.one_of("network", network, MARKS)]()
    load_sparse(path, model)
    weights = prunable(model).values()
    nonzeros = sum(int(weight.count_nonzero()) for weight in weights)
    if nonzeros == 0:
        raise ValueError(f"path must hold a network with a weight that is not zero, {path} has none")
    total = sum(weight.numel() for weight in weights)
    # 1.92, not 1.9200000000000017: marks are compared with it
    error = round(100 - accuracy(model, dataset), 9)
    return Entry(nonzeros, total / nonzeros, error, Path(path).stat().st_size)


def beaten(network: str, compression: float, error: float) -> list[Mark]:
    """Return the published marks that ``compression`` (x) and ``error`` (%) beat: at least as good in both,
    better in one. A mark whose error was not read is not beaten, whatever its size.

    Being better in one and worse in the other is a tie, whatever the sizes: nobody has said how many points a
    factor is worth.

    Raises TypeError or ValueError for an unknown network, a ``compression`` that is not positive or an
    ``error`` outside [0, 100]. Source: notebook 08."""
    arguments.one_of("network", network, MARKS)
    arguments.positive("compression", compression)
    if isinstance(error, bool) or not isinstance(error, int | float) or not 0 <= error <= 100:
        raise ValueError(f"error must be a number of percent in [0, 100], got {error!r}")
    return [
        mark
        for mark in MARKS[network]
        if mark.error is not None
        and compression >= mark.compression
        and error <= mark.error
        and (compression, error) != (mark.compression, mark.error)
    ]
