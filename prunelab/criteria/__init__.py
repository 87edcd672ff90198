"""Which weights matter? One function per criterion, and ``CRITERIA``, which says what each needs and scores.

Every criterion has the signature ``score(model, dataset=None, ...) -> {parameter name: scores}``: large =
keep, never negative. Scores of single weights have the weight's shape. Scores of units (filters of a
convolution, neurons of a linear layer) have the shape ``(out, 1, 1, 1)`` or ``(out, 1)``, so that they and
their masks broadcast over the weight; the output layer has none, because its units are the classes. Scoring
leaves the model unchanged, runs in eval mode and in batches, and is deterministic."""

from prunelab.criteria import (
    activation,
    batchnorm,
    connections,
    energy,
    gradients,
    layerwise,
    magnitudes,
    reconstruction,
    removal,
    rowwise,
    search,
    second_order,
    trainability,
)
from prunelab.criteria.activation import apoz, entropy, icc, intra_class_correlation, taylor
from prunelab.criteria.batchnorm import bn_scale, fold_beta, keep_one, scale_penalty
from prunelab.criteria.connections import (
    activation_correlation,
    owl_sparsities,
    ria,
    sample_connections,
    wanda,
)
from prunelab.criteria.energy import EnergyCosts, energy_aware, energy_order, layer_energies, restore_gains
from prunelab.criteria.expansions import Expansion, expansion
from prunelab.criteria.gradients import (
    filter_gradient,
    filter_squared_gradient,
    gradient,
    squared_gradient,
    weight_gradient,
)
from prunelab.criteria.layerwise import layer_hessians, layer_obs, refit, sparsegpt, sparsegpt_layer
from prunelab.criteria.magnitudes import (
    filter_l1,
    filter_l2,
    fpgm,
    group_norm,
    lamp,
    magnitude,
    random_filters,
    random_scores,
    rescaled,
)
from prunelab.criteria.reconstruction import output_error, reconstruction_error, refit_layer, refit_model
from prunelab.criteria.registry import Criterion, unchanged
from prunelab.criteria.removal import loss_changes, oracle, unit_masks
from prunelab.criteria.rowwise import obc, obc_layer
from prunelab.criteria.search import evolve, expected_best_of, masked_loss, random_search
from prunelab.criteria.second_order import (
    curvature_diagonal,
    eliminate,
    inverse_hessian,
    obd,
    obs,
    obs_saliency,
    obs_update,
)
from prunelab.criteria.trainability import grasp, movement, synflow

MODULES = (
    magnitudes,
    gradients,
    batchnorm,
    second_order,
    layerwise,
    rowwise,
    activation,
    connections,
    reconstruction,
    energy,
    search,
    removal,
    trainability,
)
CRITERIA = {entry.name: entry for module in MODULES for entry in module.ENTRIES}

__all__ = [
    "CRITERIA",
    "Criterion",
    "EnergyCosts",
    "Expansion",
    "activation_correlation",
    "apoz",
    "bn_scale",
    "curvature_diagonal",
    "eliminate",
    "energy_aware",
    "energy_order",
    "entropy",
    "evolve",
    "expansion",
    "expected_best_of",
    "filter_gradient",
    "filter_l1",
    "filter_l2",
    "filter_squared_gradient",
    "fold_beta",
    "fpgm",
    "gradient",
    "grasp",
    "group_norm",
    "icc",
    "intra_class_correlation",
    "inverse_hessian",
    "keep_one",
    "lamp",
    "layer_energies",
    "layer_hessians",
    "layer_obs",
    "loss_changes",
    "magnitude",
    "masked_loss",
    "movement",
    "obc",
    "obc_layer",
    "obd",
    "obs",
    "obs_saliency",
    "obs_update",
    "oracle",
    "output_error",
    "owl_sparsities",
    "random_filters",
    "random_scores",
    "random_search",
    "reconstruction_error",
    "refit",
    "refit_layer",
    "refit_model",
    "rescaled",
    "restore_gains",
    "ria",
    "sample_connections",
    "scale_penalty",
    "sparsegpt",
    "sparsegpt_layer",
    "squared_gradient",
    "synflow",
    "taylor",
    "unchanged",
    "unit_masks",
    "wanda",
    "weight_gradient",
]
