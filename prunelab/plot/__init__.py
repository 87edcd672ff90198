"""Every figure of the course, in one style. Each function takes data and returns the ``Figure``; none of them
shows it twice.

In a notebook end the call with a semicolon: the figure appears once, below the cell.
"""

from prunelab.plot import _style
from prunelab.plot.activations import (
    against_oracle,
    dropped_board,
    histograms,
    neuron_pairs,
    responses,
    signed_changes,
    unit_maps,
)
from prunelab.plot.after_training import staircase
from prunelab.plot.basics import density_bars, heatmap, weight_histograms
from prunelab.plot.board import scoreboard
from prunelab.plot.capstone import group_costs, joint_cuts
from prunelab.plot.concepts import cut, feature_maps, pulls, shares
from prunelab.plot.criteria_compared import dot_board, family_map, forest
from prunelab.plot.csr_storage import csr_arrays, gap_tape, shared_weights, storage_bars, storage_curves
from prunelab.plot.curves import pruning_curves, tradeoff
from prunelab.plot.during_training import comings_and_goings, curve_panels
from prunelab.plot.energy_and_search import best_of, search_progress, stacked_bars
from prunelab.plot.granularity import kernel_grid, tensor_and_accuracy
from prunelab.plot.how_much import layer_densities, paired, sensitivity
from prunelab.plot.language_models import column_steps, input_sizes, kept_per_row, serving, surprises
from prunelab.plot.magnitude_gradient_scale import kept_by_layer, predicted_and_true, scales
from prunelab.plot.networks import feeding, pixel_map
from prunelab.plot.nm_sparsity import kept_share, nm_groups, sparse_core
from prunelab.plot.paper_tables import compression_curves, race
from prunelab.plot.real_networks import coupled_layers, gains_by_kind, group_members, two_tools
from prunelab.plot.second_order import signed_shares, surgery, weights_left
from prunelab.plot.sparse_inference import answer_bars, crossover, roofline
from prunelab.plot.tensors import draw_tensor, tensor_view
from prunelab.plot.your_own_network import bands, costs, dots, report, runtime_bars, waves

_style.use()

__all__ = [
    "against_oracle",
    "answer_bars",
    "bands",
    "best_of",
    "column_steps",
    "comings_and_goings",
    "compression_curves",
    "costs",
    "coupled_layers",
    "crossover",
    "csr_arrays",
    "curve_panels",
    "cut",
    "density_bars",
    "dot_board",
    "dots",
    "draw_tensor",
    "dropped_board",
    "family_map",
    "feature_maps",
    "feeding",
    "forest",
    "gains_by_kind",
    "gap_tape",
    "group_costs",
    "group_members",
    "heatmap",
    "histograms",
    "input_sizes",
    "joint_cuts",
    "kept_by_layer",
    "kept_per_row",
    "kept_share",
    "kernel_grid",
    "layer_densities",
    "neuron_pairs",
    "nm_groups",
    "paired",
    "pixel_map",
    "predicted_and_true",
    "pruning_curves",
    "pulls",
    "race",
    "report",
    "responses",
    "roofline",
    "runtime_bars",
    "scales",
    "scoreboard",
    "search_progress",
    "sensitivity",
    "serving",
    "shared_weights",
    "shares",
    "signed_changes",
    "signed_shares",
    "sparse_core",
    "stacked_bars",
    "staircase",
    "storage_bars",
    "storage_curves",
    "surgery",
    "surprises",
    "tensor_and_accuracy",
    "tensor_view",
    "tradeoff",
    "two_tools",
    "unit_maps",
    "waves",
    "weight_histograms",
    "weights_left",
]
