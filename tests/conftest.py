from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

DEFAULT_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


# Started in the background, a shell's child ignores Ctrl-C, and so would the commands that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the shared recordings; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PROSODY_GATE_DATA", DEFAULT_SHARED))
    if not (folder / "recordings.jsonl").is_file():
        pytest.skip(f"needs the shared recordings, which are not at {folder} (set PROSODY_GATE_DATA)")
    return folder
