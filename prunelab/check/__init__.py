"""One checker per exercise: ``check.ex_1_1(your_function)`` says what was verified, or which case failed and
a hint.

Each module ``chapter*.py`` describes the exercises of a chapter, or of a part of one, in the form of
``exercise.Exercise``; they are collected here by themselves. A checker raises ``Mistake`` (``NotAttempted``
for an untouched stub) and prints one line if the function passes."""

import importlib
import pkgutil

from prunelab.check.core import Mistake, NotAttempted
from prunelab.check.exercise import Exercise

MODULES = [
    importlib.import_module(f"{__name__}.{m.name}")
    for m in pkgutil.iter_modules(__path__)
    if m.name.startswith("chapter")
]
EXERCISES = {
    value.name: value for module in MODULES for value in vars(module).values() if isinstance(value, Exercise)
}

globals().update(EXERCISES)
__all__ = ["EXERCISES", "Exercise", "Mistake", "NotAttempted", *EXERCISES]
