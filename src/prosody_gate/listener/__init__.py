"""What was said, recognised on the device while it is being said."""

from .cached_listener import CachedListener, ListenerSteps, SharedListener, frames_then_silence
from .listener import LISTENER_LANGUAGE, STEADY, Hypothesis, Listener, RecognisedWord
from .pocketsphinx_listener import PocketSphinxListener

__all__ = [
    "LISTENER_LANGUAGE",
    "STEADY",
    "CachedListener",
    "Hypothesis",
    "Listener",
    "ListenerSteps",
    "PocketSphinxListener",
    "RecognisedWord",
    "SharedListener",
    "frames_then_silence",
]
