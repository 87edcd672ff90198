"""PruneLab: the helper package of a hands-on course on neural-network pruning.

The modules follow the course's pipeline, score -> group -> keep -> mask -> (fine-tune) -> compact -> measure.
Import what you need from the module that holds it, for example ``from prunelab.masks import keep_top``."""

__version__ = "0.2.0"
