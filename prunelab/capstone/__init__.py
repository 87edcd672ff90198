"""From a first look at a network of the reader's own to a report: what is brought along, the scan of its
groups, the choice of the cut, and the proof; and a stand-in to try it on.

``task`` is what the reader brings, checked in words; ``cutting`` scans and chooses; ``proof`` compares with
baselines and with what was wanted; ``standin`` is the network that the notebook runs on as it is."""

from prunelab.capstone.cutting import Choice, choose, cut, kept_channels, scan, uniform
from prunelab.capstone.proof import SEEDS, fresh, handed_over, page, trained_anew, verdict
from prunelab.capstone.standin import WEIGHTS, ResidualBlock, ResidualNet, harder, load_standin
from prunelab.capstone.task import Task

__all__ = [
    "SEEDS",
    "WEIGHTS",
    "Choice",
    "ResidualBlock",
    "ResidualNet",
    "Task",
    "choose",
    "cut",
    "fresh",
    "handed_over",
    "harder",
    "kept_channels",
    "load_standin",
    "page",
    "scan",
    "trained_anew",
    "uniform",
    "verdict",
]
