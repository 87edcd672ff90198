"""Physically removes masked filters and neurons, and what is coupled to them, so that zeros become fewer bytes and operations."""

from prunelab.surgery.batchnorm import reestimate_batchnorm
from prunelab.surgery.groups import coupled_groups, coupled_masks, coupled_scores
from prunelab.surgery.removal import remove_filters, resize

__all__ = ["coupled_groups", "coupled_masks", "coupled_scores", "reestimate_batchnorm", "remove_filters", "resize"]
