"""How the threads of a kernel wait, for whatever starts kernels: JupyterLab, the tests, the scripts.

OpenMP's threads spin while they wait for each other, each on a core of its own. Where something else uses one
of the cores, the others spin in vain until it is done. Training on 12,800 images with two threads, a busy
process on one of two cores (medians of four or five runs): LeNet300 ~0.8 s with spinning threads, single runs
to ~2.1, and ~0.33 to 0.38 s with sleeping ones; LeNet5 over 7 s against ~1.3 to 2.4 s. With nothing else on
the machine spinning is faster, ~0.25 against ~0.31 to 0.38 s and ~1.0 against ~1.3 to 1.5 s. No bounded
number of spins gave both: 300 are like sleeping, 3,000 and more are slower beside the busy core.

``environment.yml`` says the same for conda and Binder. Experiments and the workers of ``prunelab.sweep`` have
one thread, which never waits."""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}


def sleep_while_waiting() -> None:
    """Set the environment of this process and of those it starts, unless it is set already.

    OpenMP reads it once, when torch is imported: call this before."""
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)
