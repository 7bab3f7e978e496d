"""What was said, heard on the device while it is being said."""

from .cached_listener import CachedListener, ListenerSteps, SharedListener, frames_then_silence
from .listener import STEADY, Hypothesis, Listener, PhraseLikelihood, RecognisedWord
from .phoneme_listener import PhonemeListener
from .phoneme_recogniser import PhonemeRecogniser
from .phrase_tree import PhraseTree, SoundModel
from .pocketsphinx_listener import PocketSphinxListener

__all__ = [
    "STEADY",
    "CachedListener",
    "Hypothesis",
    "Listener",
    "ListenerSteps",
    "PhonemeListener",
    "PhonemeRecogniser",
    "PhraseLikelihood",
    "PhraseTree",
    "PocketSphinxListener",
    "RecognisedWord",
    "SharedListener",
    "SoundModel",
    "frames_then_silence",
]
