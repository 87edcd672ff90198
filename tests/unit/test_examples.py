"""The examples in the docstrings run: each entry point of the course's pipeline has one."""

import doctest
import inspect

import pytest

from prunelab import granularity, masks, measure, sparse, storage, surgery, training
from prunelab.criteria import magnitudes

PIPELINE = {
    "score": [magnitudes.magnitude, magnitudes.filter_l1],
    "group": [granularity.group_scores],
    "keep": [masks.prunable, masks.keep_top, masks.mask_model],
    "mask": [masks.apply_masks, masks.sparsity],
    "fine-tune": [training.train, training.accuracy],
    "compact": [surgery.remove_filters, storage.save_sparse, sparse.to_sparse],
    "measure": [
        measure.parameters,
        measure.nonzeros,
        measure.bytes_on_disk,
        measure.macs,
        measure.compare,
    ],
}
FUNCTIONS = [function for step in PIPELINE.values() for function in step]


def run(function, document: str | None = None) -> doctest.TestResults:
    """Run the examples of ``function``, or of a ``document`` in place of its own."""
    space = dict(vars(inspect.getmodule(function)))
    text = inspect.getdoc(function) if document is None else document
    test = doctest.DocTestParser().get_doctest(text, space, function.__name__, None, None)
    assert test.examples, f"{function.__name__} has no example"
    return doctest.DocTestRunner(verbose=False).run(test)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_the_example_of_an_entry_point_runs(function):
    found = run(function)
    assert found.attempted and not found.failed


def test_a_wrong_example_is_found():
    assert run(masks.sparsity, ">>> sparsity(torch.zeros(2))\n0.5").failed == 1
    with pytest.raises(AssertionError, match="has no example"):
        run(masks.sparsity, "words only")
