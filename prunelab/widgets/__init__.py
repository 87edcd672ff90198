"""The interactive explorers, by chapter. Each returns an ipywidgets box; a static figure stands beside it in
the notebook.
"""

from prunelab.widgets.activations import drop_units
from prunelab.widgets.after_training import removal_explorer
from prunelab.widgets.before_training import ticket_explorer
from prunelab.widgets.concepts import prune_by_size
from prunelab.widgets.criteria_compared import compare_criteria
from prunelab.widgets.csr_storage import storage_explorer, storage_sizes
from prunelab.widgets.during_training import schedule_explorer
from prunelab.widgets.energy_and_search import energy_explorer
from prunelab.widgets.granularity import granularity_explorer
from prunelab.widgets.how_much import ratio_explorer
from prunelab.widgets.language_models import written_text
from prunelab.widgets.magnitude_gradient_scale import scale_trick
from prunelab.widgets.nm_sparsity import nm_explorer
from prunelab.widgets.paper_tables import compression_explorer
from prunelab.widgets.second_order import quadratic
from prunelab.widgets.sparse_inference import crossover_explorer
from prunelab.widgets.start_here import file_explorer, filmstrip
from prunelab.widgets.torch_prune import torch_prune_explorer

__all__ = [
    "compare_criteria",
    "compression_explorer",
    "crossover_explorer",
    "drop_units",
    "energy_explorer",
    "file_explorer",
    "filmstrip",
    "granularity_explorer",
    "nm_explorer",
    "prune_by_size",
    "quadratic",
    "ratio_explorer",
    "removal_explorer",
    "scale_trick",
    "schedule_explorer",
    "storage_explorer",
    "storage_sizes",
    "ticket_explorer",
    "torch_prune_explorer",
    "written_text",
]
