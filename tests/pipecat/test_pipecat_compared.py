"""What a pipeline does by Pipecat's default rules, by two words, and with the gate: the table in docs/pipecat.md."""

from __future__ import annotations

import pytest

pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")

from pipecat.turns.user_start import MinWordsUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from pipecat_call import PipecatCall
from virtual_time import run_virtual

COLUMNS = ("default", "two words", "with the gate")


def run(column: str, text: str, *, windows: int, bot: float, confirm_at: float = 99.0, delay: float = 0.3) -> str:
    """The user makes a sound 1.2 s into the bot's speech; what the bot did, and what it was asked."""
    start = [MinWordsUserTurnStartStrategy(min_words=2)] if column == "two words" else None
    turns = UserTurnStrategies(start=start, stop=[SpeechTimeoutUserTurnStopStrategy()])

    async def main() -> PipecatCall:
        gated = column == "with the gate"
        async with PipecatCall(confirm_at, gated=gated, user={"user_turn_strategies": turns}) as call:
            await call.silence(0.5)
            await call.speak(bot)
            await call.silence(1.2)
            words = text.split()
            for count in range(1, len(words) + 1):
                await call.audio("s" * (windows // len(words)))
                await call.interim(" ".join(words[:count]))
            if not words:
                await call.audio("s" * windows)
            await call.silence(delay)
            if text:
                await call.final(text)
            await call.silence(7.0 if not text else 4.0)
        return call

    call = run_virtual(main, monotonic=True)
    did = "stops" if "cut" in call.playout() else "speaks on"
    return f"{did}, asked {len(call.llm.asked)}"


@pytest.mark.parametrize(
    ("text", "windows", "bot", "confirm_at", "delay", "expected"),
    [
        ("okay", 12, 5.0, 99.0, 0.3, ("stops, asked 1", "speaks on, asked 0", "speaks on, asked 0")),
        ("", 12, 5.0, 99.0, 0.3, ("stops, asked 1", "speaks on, asked 0", "speaks on, asked 0")),
        ("stop", 12, 5.0, 99.0, 0.3, ("stops, asked 1", "speaks on, asked 0", "stops, asked 1")),
        ("yeah wait a second", 40, 5.0, 2.3, 0.3, ("stops, asked 1", "stops, asked 1", "stops, asked 1")),
        ("yes", 12, 2.2, 99.0, 0.3, ("stops, asked 1", "speaks on, asked 0", "speaks on, asked 1")),
        ("yes", 12, 2.2, 99.0, 0.8, ("stops, asked 1", "speaks on, asked 1", "speaks on, asked 1")),
    ],
    ids=["backchannel", "loud cough", "stop", "yeah wait", "yes as the bot ends", "the same, transcribed after it"],
)
@pytest.mark.parametrize("column", COLUMNS)
def test_a_sound_over_the_bot(
    column: str, text: str, windows: int, bot: float, confirm_at: float, delay: float, expected: tuple[str, ...]
) -> None:
    found = run(column, text, windows=windows, bot=bot, confirm_at=confirm_at, delay=delay)
    assert found == expected[COLUMNS.index(column)]
