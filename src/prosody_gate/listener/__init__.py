"""What was said, recognised on the device while it is being said."""

from .cached_listener import CachedListener, ListenerSteps, SharedListener, frames_then_silence
from .listener import LISTENER_LANGUAGE, STEADY, Hypothesis, Listener, PhraseLikelihood, RecognisedWord
from .phoneme_listener import PhonemeListener, is_listener_usable, knows_sounds_of
from .phoneme_recogniser import PhonemeRecogniser, RememberingRecogniser, SoundReader
from .phrase_tree import PhraseTree, SoundModel
from .pronunciation import MODEL_FOLDER, Pronunciations

__all__ = [
    "LISTENER_LANGUAGE",
    "MODEL_FOLDER",
    "STEADY",
    "CachedListener",
    "Hypothesis",
    "Listener",
    "ListenerSteps",
    "PhonemeListener",
    "PhonemeRecogniser",
    "PhraseLikelihood",
    "PhraseTree",
    "Pronunciations",
    "RecognisedWord",
    "RememberingRecogniser",
    "SharedListener",
    "SoundModel",
    "SoundReader",
    "frames_then_silence",
    "is_listener_usable",
    "knows_sounds_of",
]
