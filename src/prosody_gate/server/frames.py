"""The messages of LiveKit's adaptive-interruption ("bargein") protocol, as its Python and Node clients speak it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..audio import SAMPLE_RATE
from ..errors import ProsodyGateError

HEADER_BYTES: Final = 8
"""An unsigned 64-bit little-endian `created_at` before the samples of each window."""

WINDOW_SAMPLES: Final = 48_000
"""Longest window (3 s) that a client sends."""

LONGEST_FRAME: Final = HEADER_BYTES + 4 * WINDOW_SAMPLES
"""Bytes of the longest binary message that is taken: twice what a client sends. Of a longer window the end counts."""

LONGEST_TEXT: Final = 16_384
"""Characters of the longest text message that is taken."""

SLOT_SAMPLES: Final = 400
"""Samples that one of `probabilities` is about: 25 ms, LiveKit's frame."""

MOST_FRAMES: Final = 400
"""Largest `min_frames` (10 s) that a client may ask for."""

Pcm = npt.NDArray[np.int16]


class ProtocolError(ProsodyGateError):
    """A client's message is not what the protocol has; the message may be sent to the client."""


@dataclass(frozen=True, slots=True)
class SessionCreate:
    """The first message of a client: what it wants."""

    threshold: float | None
    """P(interruption), 0 to 1, from which this client wants an interruption; None for the server's own."""
    min_frames: int
    """Frames of 25 ms that an interruption must last."""
    wants_gate_events: bool = False
    """Whether answers carry what the gate does, as the playground asks for; LiveKit's clients do not."""


@dataclass(frozen=True, slots=True)
class SessionClose:
    """The client is about to close."""


@dataclass(frozen=True, slots=True)
class Window:
    """What one binary message holds: the newest sound of the user's microphone, complete in itself."""

    created_at: int
    """The client's name for this window, echoed in its answer."""
    samples: Pcm
    """[n] int16 mono at 16 kHz, the newest last, at most 3 s."""


def read_text(text: str) -> SessionCreate | SessionClose:
    """Read a client's text message.

    Raises:
        ProtocolError: It is no message of the protocol, or a setting cannot be used.
    """
    if len(text) > LONGEST_TEXT:
        raise ProtocolError(f"text message: expected at most {LONGEST_TEXT} characters, got {len(text)}")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError("text message: expected JSON") from None
    kind = message.get("type") if isinstance(message, dict) else None
    if kind == "session.close":
        return SessionClose()
    if kind != "session.create":
        raise ProtocolError("text message: expected an object with type session.create or session.close")
    settings = message.get("settings")
    if not isinstance(settings, dict):
        raise ProtocolError("session.create: expected an object in settings")
    return _read_settings(settings)


def _read_settings(settings: dict[str, Any]) -> SessionCreate:
    for name, expected in (("sample_rate", SAMPLE_RATE), ("num_channels", 1), ("encoding", "s16le")):
        if settings.get(name, expected) != expected:
            raise ProtocolError(f"session.create: {name}: expected {expected}")
    min_frames = settings.get("min_frames", 1)
    if not isinstance(min_frames, int) or isinstance(min_frames, bool) or not 0 <= min_frames <= MOST_FRAMES:
        raise ProtocolError(f"session.create: min_frames: expected a whole number from 0 to {MOST_FRAMES}")
    threshold = settings.get("threshold")
    if threshold is not None:
        threshold = read_threshold(threshold, "session.create: threshold")
    return SessionCreate(threshold, max(min_frames, 1), settings.get("gate_events") is True)


def read_threshold(value: Any, name: str) -> float:
    """A threshold as clients may give it.

    Raises:
        ProtocolError: It is no number between 0 and 1; `name` is in the message.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0.0 < value < 1.0):
        raise ProtocolError(f"{name}: expected a number between 0 and 1")
    return float(value)


def read_window(data: bytes) -> Window:
    """Read a client's binary message.

    Raises:
        ProtocolError: It is too short or too long, or its samples are not whole.
    """
    if not HEADER_BYTES <= len(data) <= LONGEST_FRAME:
        raise ProtocolError(f"binary message: expected {HEADER_BYTES} to {LONGEST_FRAME} bytes, got {len(data)}")
    return Window(int.from_bytes(data[:HEADER_BYTES], "little"), read_samples(data, HEADER_BYTES))


def read_samples(data: bytes, start: int = 0) -> Pcm:
    """The last 3 s of 16-bit little-endian samples, from byte `start` on.

    Raises:
        ProtocolError: There is half a sample.
    """
    if (len(data) - start) % 2:
        raise ProtocolError("samples: expected whole 16-bit samples, got an odd number of bytes")
    return np.frombuffer(data, "<i2", offset=start)[-WINDOW_SAMPLES:]


def session_created(default_threshold: float) -> str:
    """The answer to `session.create`; clients fall back to their VAD without a threshold in it."""
    return json.dumps({"type": "session.created", "default_threshold": default_threshold})


def session_closed() -> str:
    """The answer to `session.close`."""
    return '{"type": "session.closed"}'


def result(
    created_at: int,
    *,
    interruption: bool,
    probabilities: Sequence[float],
    prediction_duration: float,
    **extra: Any,
) -> str:
    """The answer to one window.

    Args:
        created_at: As the client had it.
        interruption: Whether this window is where an interruption was found.
        probabilities: P(interruption) of each 25 ms of the window.
        prediction_duration: What it took, in seconds.
        **extra: More fields; LiveKit's clients ignore them.
    """
    return json.dumps(
        {
            "type": "bargein_detected" if interruption else "inference_done",
            "created_at": created_at,
            "probabilities": list(probabilities),
            "prediction_duration": round(prediction_duration, 6),
            **extra,
        }
    )


def error(message: str, *, code: int, session: str) -> str:
    """The message that makes a client fall back to its VAD; all three fields are needed.

    Args:
        message: What is wrong, in one line.
        code: A status as HTTP has them. Clients retry after 408, 429, 499 and from 500 on: nobody may interrupt then.
        session: Name of the session.
    """
    return json.dumps({"type": "error", "message": message, "code": code, "session_id": session})
