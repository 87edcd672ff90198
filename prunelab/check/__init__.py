"""One checker per exercise: ``check.ex_1_1(your_function)`` says what was verified, or which case failed and a hint.

A module per chapter holds its checkers; ``core`` is the machinery. A checker raises ``Mistake`` (``NotAttempted`` for an untouched
stub) and prints one line if the function passes.
"""

from prunelab.check.challenge import ex_8_5
from prunelab.check.chapter01 import ex_1_1, ex_1_2, ex_1_3, ex_1_4, ex_1_5
from prunelab.check.chapter02 import ex_2_1, ex_2_2, ex_2_3, ex_2_4, ex_2_5, ex_2_6
from prunelab.check.chapter03_1 import ex_3_1, ex_3_2, ex_3_3
from prunelab.check.chapter03_2 import ex_3_4, ex_3_5, ex_3_6
from prunelab.check.chapter03_3 import ex_3_7, ex_3_8
from prunelab.check.chapter03_5 import ex_3_9, ex_3_10, ex_3_11, ex_3_12
from prunelab.check.chapter04_1 import ex_4_1, ex_4_2
from prunelab.check.chapter04_2 import ex_4_3, ex_4_4, ex_4_5
from prunelab.check.chapter04_3 import ex_4_6, ex_4_7
from prunelab.check.chapter04_4 import ex_4_8, ex_4_9, ex_4_10
from prunelab.check.chapter05 import ex_5_1, ex_5_2, ex_5_3, ex_5_4
from prunelab.check.chapter06 import ex_6_1, ex_6_2, ex_6_3, ex_6_4
from prunelab.check.chapter07_1 import ex_7_1, ex_7_2, ex_7_3, ex_7_4, ex_7_5, ex_7_6
from prunelab.check.chapter07_2 import ex_7_7, ex_7_8
from prunelab.check.chapter08 import ex_8_1, ex_8_2, ex_8_3, ex_8_4
from prunelab.check.core import Mistake, NotAttempted

__all__ = ["Mistake", "NotAttempted"]
__all__ += ["ex_1_1", "ex_1_2", "ex_1_3", "ex_1_4", "ex_1_5"]
__all__ += ["ex_2_1", "ex_2_2", "ex_2_3", "ex_2_4", "ex_2_5", "ex_2_6"]
__all__ += ["ex_5_1", "ex_5_2", "ex_5_3", "ex_5_4"]
__all__ += ["ex_6_1", "ex_6_2", "ex_6_3", "ex_6_4"]
__all__ += ["ex_4_1", "ex_4_2", "ex_4_3", "ex_4_4", "ex_4_5"]
__all__ += ["ex_4_6", "ex_4_7", "ex_4_8", "ex_4_9", "ex_4_10"]
__all__ += ["ex_7_1", "ex_7_2", "ex_7_3", "ex_7_4", "ex_7_5", "ex_7_6", "ex_7_7", "ex_7_8"]
__all__ += ["ex_3_1", "ex_3_2", "ex_3_3", "ex_3_4", "ex_3_5", "ex_3_6"]
__all__ += ["ex_3_7", "ex_3_8", "ex_3_9", "ex_3_10", "ex_3_11", "ex_3_12"]
__all__ += ["ex_8_1", "ex_8_2", "ex_8_3", "ex_8_4", "ex_8_5"]
