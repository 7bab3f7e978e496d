"""A replay as JSON: the same bytes for the same recording and options."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..gate import GateOptions
from ..replay import ReplayResult
from .summary import Summary


def to_json(
    result: ReplayResult,
    *,
    recording: str | os.PathLike[str],
    options: GateOptions,
    setup: Mapping[str, Any] | None = None,
) -> str:
    """Put a replay into JSON with keys in a fixed order.

    Args:
        result: What the gate did.
        recording: Of what; only the file's name is kept, not its folder.
        options: The options in force.
        setup: What else decided the result (VAD, listener, languages, channels), as JSON-ready values.

    Returns:
        One JSON object, indented, with a newline at its end.
    """
    report = {
        "prosody_gate": version("prosody-gate"),
        "recording": Path(recording).name,
        "duration": round(result.duration, 3),
        "setup": dict(setup or {}),
        "options": options.model_dump(),
        "agent": [[round(span.start, 3), round(span.end, 3)] for span in result.agent],
        "events": [event.to_dict() for event in result.events],
        "summary": Summary.of(result).to_dict(),
    }
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
