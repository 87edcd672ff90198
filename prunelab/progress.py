"""The one progress bar of the course."""

import os

from tqdm.auto import tqdm

from prunelab import arguments


def progress(total: int, label: str) -> tqdm:
    """Return a progress bar over ``total`` steps that leaves nothing behind; ``TQDM_DISABLE=1`` in the
    environment turns it off.

    (tqdm's own reading of that variable is lost in its notebook version, which would put a bar into every
    stored notebook.)"""
    arguments.count("total", total, at_least=0), arguments.text("label", label)
    return tqdm(total=total, desc=label, leave=False, disable=os.environ.get("TQDM_DISABLE") == "1")
