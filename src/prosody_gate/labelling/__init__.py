"""Labels the overlaps of recordings by ear."""

from .labelling import HELP, FolderLabelling, Labelling, LabelStore, Sitting, proposals_of

__all__ = [
    "HELP",
    "FolderLabelling",
    "LabelStore",
    "Labelling",
    "Sitting",
    "proposals_of",
]
