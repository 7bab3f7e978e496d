"""The colours of the decisions, in the terminal and in pictures."""

from __future__ import annotations

from typing import Final

from ..gate import GateEventKind

TERMINAL: Final = {
    GateEventKind.CONFIRM: "bold red",
    GateEventKind.CANCEL: "green",
    GateEventKind.RELEASE: "cyan",
}
"""Rich styles."""

PICTURE: Final = {
    GateEventKind.HOLD: "#E69F00",
    GateEventKind.CONFIRM: "#D55E00",
    GateEventKind.CANCEL: "#009E73",
    GateEventKind.RELEASE: "#0072B2",
}
"""Four of the colours that Okabe and Ito (2008, "Color Universal Design") chose to be told apart by all."""
