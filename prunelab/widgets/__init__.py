"""The interactive explorers, by chapter. Each returns an ipywidgets box; a static figure stands beside it in
the notebook.
"""

from prunelab.widgets.activations import compare_criteria, drop_units, energy_explorer
from prunelab.widgets.after_training import removal_explorer
from prunelab.widgets.concepts import filmstrip, prune_by_size
from prunelab.widgets.criteria import quadratic, scale_trick
from prunelab.widgets.language import written_text
from prunelab.widgets.records import compression_explorer
from prunelab.widgets.semi_structured import nm_explorer
from prunelab.widgets.sparse import crossover_explorer
from prunelab.widgets.start import file_explorer
from prunelab.widgets.storage import storage_explorer
from prunelab.widgets.torch_prune import torch_prune_explorer

__all__ = [
    "compare_criteria",
    "compression_explorer",
    "crossover_explorer",
    "drop_units",
    "energy_explorer",
    "file_explorer",
    "filmstrip",
    "nm_explorer",
    "prune_by_size",
    "quadratic",
    "removal_explorer",
    "scale_trick",
    "storage_explorer",
    "torch_prune_explorer",
    "written_text",
]
