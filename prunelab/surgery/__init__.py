"""Physically removes masked filters, neurons, heads and hidden units, and what is coupled to them, so that
zeros become fewer bytes and operations.
"""

from prunelab.surgery.batchnorm import reestimate_batchnorm
from prunelab.surgery.explanation import explain
from prunelab.surgery.groups import coupled_groups, coupled_masks, coupled_scores
from prunelab.surgery.heads import block_influence, remove_blocks, remove_heads, remove_neurons
from prunelab.surgery.removal import remove_filters
from prunelab.surgery.resizing import resize

__all__ = [
    "block_influence",
    "coupled_groups",
    "coupled_masks",
    "coupled_scores",
    "explain",
    "reestimate_batchnorm",
    "remove_blocks",
    "remove_filters",
    "remove_heads",
    "remove_neurons",
    "resize",
]
