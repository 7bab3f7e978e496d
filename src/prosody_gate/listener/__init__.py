"""What was said, heard on the device while it is being said."""

from .hypothesis import STEADY, HeardWord, Hypothesis
from .listener import Listener
from .pocketsphinx_listener import PocketSphinxListener

__all__ = ["STEADY", "HeardWord", "Hypothesis", "Listener", "PocketSphinxListener"]
