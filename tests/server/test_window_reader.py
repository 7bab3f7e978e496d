from __future__ import annotations

import numpy as np
import pytest

from prosody_gate.server.window_reader import WindowReader, shared_samples

LONGEST = 48_000
NOISE = np.random.default_rng(5).integers(-9_000, 9_000, 200_000).astype(np.int16)


def new_of(*windows: np.ndarray) -> list[int | None]:
    reader = WindowReader()
    return [reader.new_samples(window) for window in windows]


def test_a_growing_window_has_new_samples_at_its_end() -> None:
    assert new_of(NOISE[:18_400], NOISE[:20_000], NOISE[:21_600]) == [None, 1_600, 1_600]


def test_a_sliding_window_has_new_samples_at_its_end() -> None:
    assert new_of(NOISE[:LONGEST], NOISE[1_600 : 1_600 + LONGEST], NOISE[3_757 : 3_757 + LONGEST]) == [
        None,
        1_600,
        2_157,
    ]


@pytest.mark.parametrize("gap", [1_600, 8_000, 40_000, 46_000])
def test_a_later_overlap_of_the_same_agent_turn_continues_the_window(gap: int) -> None:
    assert new_of(NOISE[:LONGEST], NOISE[gap : gap + LONGEST])[1] == gap


def test_a_window_that_shares_nothing_begins_anew() -> None:
    assert new_of(NOISE[:30_000], NOISE[100_000:130_000]) == [None, None]


def test_a_few_samples_in_common_are_chance() -> None:
    assert new_of(NOISE[:30_000], NOISE[29_600:50_000]) == [None, None]


def test_the_same_window_again_has_nothing_new() -> None:
    assert new_of(NOISE[:30_000], NOISE[:30_000]) == [None, 0]


def test_after_forgetting_every_window_begins_anew() -> None:
    reader = WindowReader()
    reader.new_samples(NOISE[:30_000])
    reader.forget()
    assert reader.new_samples(NOISE[:31_600]) is None


def test_digital_silence_between_words_does_not_hide_what_is_new() -> None:
    gated = NOISE[:100_000].copy()
    gated[10_000:42_000] = 0
    gated[44_000:90_000] = 0
    windows = [gated[max(end - LONGEST, 0) : end] for end in range(20_000, 90_000, 1_600)]
    found = new_of(*windows)
    # Where all that is left is silence, how far it moved cannot be seen, and does not matter.
    for window, new in zip(windows[1:], found[1:], strict=True):
        assert new == 1_600 or not window[:-1_600].any()


@pytest.mark.parametrize("windows", [[0, 0], [0, 10], [10, 0], [1, 1], [63, 63], [64, 64], [600, 600]])
def test_short_windows_are_harmless(windows: list[int]) -> None:
    first, second = (NOISE[:length] for length in windows)
    assert new_of(first, second)[1] in (None, 0)


def test_sound_that_repeats_itself_takes_no_long_search() -> None:
    tone = np.tile(np.array([0, 5_000, 0, -5_000], np.int16), 20_000)
    other = tone.copy()
    other[500::1_000] += 1
    assert shared_samples(tone[:LONGEST].tobytes(), other[:LONGEST].tobytes()) == 0
