"""What an event can be labelled, and what a gate should do about it."""

from __future__ import annotations

from typing import Final

INTERRUPTION: Final = "interruption"
"""A claim to the floor: to be confirmed."""

NOT_INTERRUPTIONS: Final = ("backchannel", "nonspeech", "noise")
"""What must not stop the agent: listening sounds, coughs and laughter, the room."""

AMBIGUOUS: Final = "ambiguous"
"""What people could not agree on: read, counted, not scored."""

LABELS: Final = (INTERRUPTION, *NOT_INTERRUPTIONS, AMBIGUOUS)
"""All labels that a manifest may hold."""
