"""What the words mean: phrases to ignore and phrases to stop for, in eight languages and the user's own."""

from .lexicon import Lexicon, LexiconMatch
from .normalise import tokenize
from .phrase_file import language_code
from .sounds import SOUNDS, sounds_of

__all__ = [
    "SOUNDS",
    "Lexicon",
    "LexiconMatch",
    "language_code",
    "sounds_of",
    "tokenize",
]
