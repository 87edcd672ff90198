"""One checker per exercise: ``check.ex_1_1(your_function)`` says what was verified, or which case failed and
a hint.

The modules are named by notebook: ``chapter03_4.py`` describes the exercises of notebook 03.4 in the form of
``exercise.Exercise``; where a notebook has many, a word follows (``chapter01_masks.py``). A checker raises
``Mistake`` (``NotAttempted`` for an untouched stub) and prints one line if the function passes."""

from prunelab.check.chapter01_accuracy import ex_1_5
from prunelab.check.chapter01_global import ex_1_3
from prunelab.check.chapter01_layers import ex_1_6, ex_1_7
from prunelab.check.chapter01_masks import ex_1_1, ex_1_2
from prunelab.check.chapter01_networks import ex_1_4
from prunelab.check.chapter02_choices import ex_2_6
from prunelab.check.chapter02_counts import ex_2_4, ex_2_5
from prunelab.check.chapter02_groups import ex_2_1, ex_2_2
from prunelab.check.chapter02_layers import ex_2_7
from prunelab.check.chapter02_patterns import ex_2_3
from prunelab.check.chapter02_speed import ex_2_8
from prunelab.check.chapter03_1_fold import ex_3_3
from prunelab.check.chapter03_1_scores import ex_3_1, ex_3_2
from prunelab.check.chapter03_2_refit import ex_3_6
from prunelab.check.chapter03_2_saliency import ex_3_4, ex_3_5
from prunelab.check.chapter03_3 import ex_3_7, ex_3_8
from prunelab.check.chapter03_4 import ex_3_9, ex_3_10
from prunelab.check.chapter03_5 import ex_3_11, ex_3_12
from prunelab.check.chapter04_1 import ex_4_1, ex_4_2
from prunelab.check.chapter04_2_budgets import ex_4_4, ex_4_11
from prunelab.check.chapter04_2_removal import ex_4_3, ex_4_12
from prunelab.check.chapter04_2_timing import ex_4_5
from prunelab.check.chapter04_3_regrow import ex_4_7
from prunelab.check.chapter04_3_schedule import ex_4_6
from prunelab.check.chapter04_4_scores import ex_4_9
from prunelab.check.chapter04_4_tickets import ex_4_8, ex_4_10
from prunelab.check.chapter05_masks import ex_5_1, ex_5_2
from prunelab.check.chapter05_models import ex_5_3, ex_5_4
from prunelab.check.chapter06_patterns import ex_6_1, ex_6_4
from prunelab.check.chapter06_storage import ex_6_2, ex_6_3
from prunelab.check.chapter07_1_checks import ex_7_5
from prunelab.check.chapter07_1_codes import ex_7_10
from prunelab.check.chapter07_1_csr import ex_7_1, ex_7_2
from prunelab.check.chapter07_1_formats import ex_7_3, ex_7_6
from prunelab.check.chapter07_1_gaps import ex_7_4, ex_7_9
from prunelab.check.chapter07_2 import ex_7_7, ex_7_8
from prunelab.check.chapter08_challenge import ex_8_5
from prunelab.check.chapter08_records import ex_8_3, ex_8_4
from prunelab.check.chapter08_tables import ex_8_1, ex_8_2
from prunelab.check.chapter09_1_explained import ex_9_8
from prunelab.check.chapter09_1_groups import ex_9_1
from prunelab.check.chapter09_1_removal import ex_9_3
from prunelab.check.chapter09_1_scores import ex_9_2
from prunelab.check.chapter09_2_choices import ex_9_4, ex_9_5
from prunelab.check.chapter09_2_files import ex_9_6
from prunelab.check.chapter09_2_sizes import ex_9_7
from prunelab.check.chapter10_1_bits import ex_10_1
from prunelab.check.chapter10_1_pruning import ex_10_2, ex_10_3
from prunelab.check.chapter10_2 import ex_10_4, ex_10_5, ex_10_6
from prunelab.check.chapter10_2_repair import ex_10_7, ex_10_8
from prunelab.check.core import Mistake, NotAttempted
from prunelab.check.exercise import Exercise

_found = [value for value in list(vars().values()) if isinstance(value, Exercise)]
EXERCISES = {e.name: e for e in sorted(_found, key=lambda e: [int(part) for part in e.number.split(".")])}

__all__ = [
    "EXERCISES",
    "Exercise",
    "Mistake",
    "NotAttempted",
    "ex_1_1",
    "ex_1_2",
    "ex_1_3",
    "ex_1_4",
    "ex_1_5",
    "ex_1_6",
    "ex_1_7",
    "ex_2_1",
    "ex_2_2",
    "ex_2_3",
    "ex_2_4",
    "ex_2_5",
    "ex_2_6",
    "ex_2_7",
    "ex_2_8",
    "ex_3_1",
    "ex_3_2",
    "ex_3_3",
    "ex_3_4",
    "ex_3_5",
    "ex_3_6",
    "ex_3_7",
    "ex_3_8",
    "ex_3_9",
    "ex_3_10",
    "ex_3_11",
    "ex_3_12",
    "ex_4_1",
    "ex_4_2",
    "ex_4_3",
    "ex_4_4",
    "ex_4_5",
    "ex_4_6",
    "ex_4_7",
    "ex_4_8",
    "ex_4_9",
    "ex_4_10",
    "ex_4_11",
    "ex_4_12",
    "ex_5_1",
    "ex_5_2",
    "ex_5_3",
    "ex_5_4",
    "ex_6_1",
    "ex_6_2",
    "ex_6_3",
    "ex_6_4",
    "ex_7_1",
    "ex_7_2",
    "ex_7_3",
    "ex_7_4",
    "ex_7_5",
    "ex_7_6",
    "ex_7_7",
    "ex_7_8",
    "ex_7_9",
    "ex_7_10",
    "ex_8_1",
    "ex_8_2",
    "ex_8_3",
    "ex_8_4",
    "ex_8_5",
    "ex_9_1",
    "ex_9_2",
    "ex_9_3",
    "ex_9_4",
    "ex_9_5",
    "ex_9_6",
    "ex_9_7",
    "ex_9_8",
    "ex_10_1",
    "ex_10_2",
    "ex_10_3",
    "ex_10_4",
    "ex_10_5",
    "ex_10_6",
    "ex_10_7",
    "ex_10_8",
]
