"""The form of an exercise: everything its checker knows, in one place."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from prunelab.check.core import REFERENCE, Case, verify


@dataclass(frozen=True, repr=False)
class Exercise:
    """The checker of one exercise: call it with the learner's function.

    ``reference`` is an independent right answer, in plain Python where it can be: it uses nothing of
    ``prunelab`` that the exercise is about. Its name and its parameters without a default are those of the
    stub; parameters with one are options, with which ``mistakes`` turn it into wrong answers. ``cases()``
    yields a ``Case`` for each call, the notebook's example first; what it draws from torch's global generator
    is the same every time and hidden from the learner's function. ``mistakes`` are tuples of a hint and the
    wrong functions that it fits. ``verified`` is what a success reports, ``hint`` the last resort."""

    number: str
    reference: Callable
    cases: Callable[[], Iterable[Case]]
    verified: str
    hint: str
    mistakes: Sequence[tuple] = ()

    @property
    def name(self) -> str:
        """What notebooks call: ``ex_2_1`` for exercise 2.1."""
        return f"ex_{self.number.replace('.', '_')}"

    @property
    def signature(self) -> str:
        """What the stub shows, for example ``"keep_exactly(scores, sparsity)"``."""
        parameters = inspect.signature(self.reference).parameters.values()
        return f"{self.reference.__name__}({', '.join(p.name for p in parameters if p.default is p.empty)})"

    def __call__(self, function: Callable) -> None:
        """Check ``function``; print what was verified, or raise a Mistake with a case that fails and a
        hint.
        """
        mistakes = [(wrong, hint) for hint, *wrongs in self.mistakes for wrong in wrongs]
        options = {"verified": self.verified, "hint": self.hint, "mistakes": mistakes}
        verify(self.number, self.signature, function, self.all_cases(), **options)

    def __repr__(self) -> str:
        return f"check.{self.name}: checks {self.signature}"

    def all_cases(self) -> Iterator[Case]:
        """Yield the cases with what is expected in each, one at a time."""
        for case in _drawn(self.cases(), int(self.number.replace(".", ""))):
            yield replace(case, expected=self.reference(*case.args)) if case.expected is REFERENCE else case


def _drawn(cases: Iterable[Case], seed: int) -> Iterator[Case]:
    """Yield from ``cases`` as if nothing else drew from torch's global generator, which starts from
    ``seed``.
    """
    cases, state = iter(cases), torch.Generator().manual_seed(seed).get_state()
    while True:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            case = next(cases, None)
            state = torch.get_rng_state()
        if case is None:
            return
        yield case
