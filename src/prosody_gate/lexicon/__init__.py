"""What the words mean: phrases to ignore and phrases to stop for, in eight languages and the user's own."""

from .lexicon import Lexicon
from .lexicon_match import LexiconMatch

__all__ = ["Lexicon", "LexiconMatch"]
