"""Labels the overlaps of recordings by ear."""

from .labelling import HELP, Labelling, LabelStore, proposals_of

__all__ = [
    "HELP",
    "LabelStore",
    "Labelling",
    "proposals_of",
]
