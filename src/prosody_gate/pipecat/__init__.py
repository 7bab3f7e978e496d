"""Plugs the gate into Pipecat: a frame processor between the speech-to-text service and the user aggregator.

`prosody_gate.pipecat.word_times` has what reads the word times of each service.
"""

from importlib.metadata import PackageNotFoundError, version

NEEDED = "1.14"
"""The oldest Pipecat that this works with; the newest is the last before 2."""


def _check_version() -> None:
    try:
        found = version("pipecat-ai")
    except PackageNotFoundError as error:
        raise ImportError(
            'prosody_gate.pipecat needs Pipecat, which is not installed: pip install "prosody-gate[pipecat]"'
        ) from error
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if not tuple(map(int, NEEDED.split("."))) <= numbers < (2,):
        raise ImportError(
            f"prosody_gate.pipecat needs pipecat-ai>={NEEDED},<2 and found {found}: "
            f'pip install "pipecat-ai>={NEEDED},<2"'
        )


_check_version()

from .processor import ProsodyGate  # noqa: E402
from .word_times import SaidWord, SpokenTimes, WordTimes  # noqa: E402

__all__ = ["ProsodyGate", "SaidWord", "SpokenTimes", "WordTimes"]
