"""What pruning saved: parameters, nonzeros, bytes on disk, multiply-accumulates, latency; side by side, by
layer, on one page.

``core`` counts and times whole models, ``layers`` single layers, ``reasons`` says why a number did not move,
``page`` is the report."""

from prunelab.measure.core import (
    REAL,
    ROUNDS,
    SAME,
    Comparison,
    Latency,
    bytes_on_disk,
    compare,
    latencies,
    latency,
    layer_sparsity,
    macs,
    nonzeros,
    parameters,
    verdict,
)
from prunelab.measure.layers import Profile, profile
from prunelab.measure.page import Report, report
from prunelab.measure.reasons import left_behind, not_faster, not_smaller

__all__ = [
    "REAL",
    "ROUNDS",
    "SAME",
    "Comparison",
    "Latency",
    "Profile",
    "Report",
    "bytes_on_disk",
    "compare",
    "latencies",
    "latency",
    "layer_sparsity",
    "left_behind",
    "macs",
    "nonzeros",
    "not_faster",
    "not_smaller",
    "parameters",
    "profile",
    "report",
    "verdict",
]
