"""What pruning saved: parameters, nonzeros, bytes on disk, multiply-accumulates, latency; side by side, by
layer, on one page.

``sizes`` counts what is stored, ``arithmetic`` what is multiplied (``operations`` has the formulas),
``clock`` takes the time, ``side_by_side`` compares; ``layers`` goes layer by layer, ``reasons`` says why a
number did not
move, ``page`` is the page."""

from prunelab.measure.arithmetic import Count, macs
from prunelab.measure.clock import REAL, ROUNDS, SAME, Latency, latencies, latency, verdict
from prunelab.measure.layers import Profile, profile
from prunelab.measure.page import Report, report
from prunelab.measure.reasons import left_behind, not_faster, not_smaller
from prunelab.measure.side_by_side import Comparison, compare
from prunelab.measure.sizes import bytes_on_disk, layer_sparsity, nonzeros, parameters

__all__ = [
    "REAL",
    "ROUNDS",
    "SAME",
    "Comparison",
    "Count",
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
