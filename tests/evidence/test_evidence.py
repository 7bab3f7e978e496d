from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gate_timeline import LEXICON
from prosody_gate.audio import FRAME_SAMPLES
from prosody_gate.errors import ModelError
from prosody_gate.evidence import (
    EMBEDDING_SIZE,
    ContextEvidence,
    EvidenceSource,
    EvidenceWeights,
    ListenerEvidence,
    Observation,
    SpeechEmbedding,
    TimeEvidence,
    VoiceEvidence,
    VoiceInputs,
    WordsEvidence,
    default_sources,
)
from prosody_gate.evidence.voice_evidence import LIMIT_NATS, GruNetwork, noise_share
from prosody_gate.listener import Hypothesis, RecognisedWord
from prosody_gate.prosody import ProsodyAnalyzer

WEIGHTS = EvidenceWeights.load()


def observe(
    text: str = "", *, duration: float = 0.4, ended: bool = False, words_end: float | None = None
) -> Observation:
    match = LEXICON.match(text, final=False)
    return Observation(
        onset=1.0,
        time=1.0 + duration,
        speech_end=1.0 + duration,
        ended=ended,
        agent_started=-9.0,
        transcript=match,
        words=len(match.tokens),
        words_end=1.0 + (duration if words_end is None else words_end),
    )


def words(text: str) -> float:
    return WordsEvidence(LEXICON, WEIGHTS).update(observe(text))


def time(text: str = "", **seconds: float | bool) -> float:
    return TimeEvidence(LEXICON, WEIGHTS).update(observe(text, **seconds))  # type: ignore[arg-type]


def test_no_words_say_nothing() -> None:
    assert words("") == 0.0


@pytest.mark.parametrize("text", ["yeah", "mm-hm", "uh-huh", "okay right", "oh okay", "yeah yeah yeah"])
def test_ignore_phrases_never_speak_for_an_interruption(text: str) -> None:
    assert words(text) <= 0.0


@pytest.mark.parametrize("text", ["but what", "i think", "so the", "yeah but i", "well it's", "can we"])
def test_openings_of_a_turn_speak_for_an_interruption(text: str) -> None:
    assert words(text) > 1.0


def test_yeah_but_says_more_than_yeah() -> None:
    assert words("yeah but") > words("yeah") + 1.0


def test_words_never_seen_back_off() -> None:
    assert words("zyzzyva quux plugh") > 1.0
    roger = LEXICON.add(ignore=["zyzzyva"])
    assert (
        WordsEvidence(roger, WEIGHTS).update(Observation(1.0, 1.4, 1.4, transcript=roger.match("zyzzyva"), words=1))
        <= 0.0
    )


def test_speech_that_goes_on_speaks_for_an_interruption_and_speech_that_ends_early_against() -> None:
    assert time(duration=0.15) < time(duration=0.8) < time(duration=1.5)
    assert time(duration=1.5) > 1.5
    assert time(duration=0.3, ended=True) < time(duration=0.3)
    assert time(duration=0.3, ended=True) < -0.3


def test_at_the_onset_time_says_little_more_than_the_odds_of_meetings() -> None:
    assert time(duration=0.064) == pytest.approx(-0.6, abs=0.5)  # ln(4594 / 8504)


def test_untold_speech_after_a_yeah_speaks_for_more_to_come() -> None:
    assert time("yeah", duration=1.2, words_end=0.3) > time("yeah", duration=0.4, words_end=0.3)


@pytest.mark.parametrize("text", ["down", "next", "louder"])
def test_a_word_that_steers_a_machine_speaks_for_an_interruption_where_it_stands_alone_and_has_ended(text: str) -> None:
    assert words(text) + time(text, duration=0.6, ended=True) > 1.8
    assert words("lunch") + time("lunch", duration=0.6, ended=True) < -2.0


def test_a_word_that_steers_a_machine_is_a_word_like_others_in_company_and_on_the_ignore_list() -> None:
    plain = replace(WEIGHTS, words={n: w for n, w in WEIGHTS.words.items() if not n.startswith("alone=")})
    together = observe("down there", ended=True)
    assert WordsEvidence(LEXICON, WEIGHTS).update(together) == WordsEvidence(LEXICON, plain).update(together)
    assert TimeEvidence(LEXICON, WEIGHTS).update(together) == TimeEvidence(LEXICON, plain).update(together)
    lexicon = LEXICON.replace(ignore=[*LEXICON.ignore, "down"])
    ignored = replace(observe("down", ended=True), transcript=lexicon.match("down", final=False))
    assert WordsEvidence(lexicon, WEIGHTS).update(ignored) <= 0.0
    assert TimeEvidence(lexicon, WEIGHTS).update(ignored) < -1.0


def test_the_listener_is_not_asked_once_the_transcript_has_words() -> None:
    heard = Hypothesis("stop", 1.4, (RecognisedWord("stop", 1.0, 1.4, 1.2, -3.0),))
    listener = ListenerEvidence(LEXICON, WEIGHTS)
    observation = observe()
    assert listener.update(observation) == 0.0
    observation.recognised, observation.recognised_match = heard, LEXICON.match("stop", final=False)
    assert listener.update(observation) > 0.0
    with_transcript = observe("yeah")
    with_transcript.recognised, with_transcript.recognised_match = heard, observation.recognised_match
    assert listener.update(with_transcript) == 0.0


def test_a_user_who_begins_with_the_agent_goes_on() -> None:
    observation = observe()
    assert ContextEvidence().update(observation) == 0.0
    observation.agent_started = 0.8
    assert ContextEvidence().update(observation) > 0.0


def spoken(level: float, *, room_db: float = -80.0) -> Observation:
    """Harmonic sound of a level, over a room that is quiet unless told otherwise."""
    analyzer = ProsodyAnalyzer()
    rng = np.random.default_rng(0)
    seconds = np.arange(12 * FRAME_SAMPLES) / 16_000
    voice = sum(np.sin(2 * np.pi * 140 * number * seconds) / number for number in range(1, 12))
    sound = (10 ** (level / 20) * voice).astype(np.float32).reshape(12, FRAME_SAMPLES)
    for _ in range(12):
        analyzer.push(rng.normal(0, 10 ** (room_db / 20), FRAME_SAMPLES).astype(np.float32), 0.0)
    observation = observe()
    for frame in sound:
        analyzer.push(frame, 1.0)
        observation.frames.append(analyzer.measure())
        observation.audio.append(frame)
    return observation


def voice_nats(observation: Observation) -> float:
    voice = VoiceEvidence(WEIGHTS)
    voice.reset()
    return voice.update(observation)


def test_without_audio_the_voice_says_nothing() -> None:
    assert voice_nats(observe()) == 0.0


def test_the_voice_is_bounded_and_blind_to_gain() -> None:
    quiet, loud = voice_nats(spoken(-40.0)), voice_nats(spoken(-20.0))
    assert abs(loud) <= LIMIT_NATS
    assert loud == pytest.approx(quiet, abs=0.7)  # what faint noise leaves of it


def test_the_voice_is_given_patience_by_the_time_since_the_onset() -> None:
    observation = spoken(-20.0)
    nats = {}
    for patience in (0.0, 1.0):
        voice = VoiceEvidence(replace(WEIGHTS, voice={"patience 0.25": patience, "patience 0.35": patience}))
        for since in (0.1, 0.3, 0.425, 2.0):
            observation.time = observation.onset + since
            nats[patience, since] = voice.update(observation)
    taken = {since: nats[1.0, since] - nats[0.0, since] for since in (0.1, 0.3, 0.425, 2.0)}
    assert taken == pytest.approx({0.1: 0.0, 0.3: 1.0, 0.425: 0.5, 2.0: 0.0})


def saying(nats: float) -> dict[str, np.ndarray]:
    """A network that always says the same."""
    bias = np.array([nats], np.float32)
    return {**WEIGHTS.network, "output_weight": 0.0 * WEIGHTS.network["output_weight"], "output_bias": bias}


@pytest.mark.parametrize(("room_db", "share"), [(-80.0, 0.0), (-25.0, 1.0)])
def test_in_noise_the_network_for_noise_is_asked_and_in_a_quiet_room_the_other(room_db: float, share: float) -> None:
    voice = VoiceEvidence(replace(WEIGHTS, network=saying(2.0), noisy_network=saying(-2.0), voice={}))
    assert voice.update(spoken(-20.0, room_db=room_db)) == pytest.approx(2.0 - 4.0 * share)


def test_between_quiet_and_noise_both_networks_have_their_share() -> None:
    assert [noise_share(snr_db) for snr_db in (-np.inf, 15.0, 20.0, 25.0, 60.0)] == [1.0, 1.0, 0.5, 0.0, 0.0]
    observation = spoken(-20.0, room_db=-38.0)
    share = noise_share(max(frame.snr_db for frame in observation.frames))
    assert 0.1 < share < 0.9
    voice = VoiceEvidence(replace(WEIGHTS, network=saying(2.0), noisy_network=saying(-2.0), voice={}))
    assert voice.update(observation) == pytest.approx(2.0 - 4.0 * share)


@pytest.mark.parametrize("room_db", [-80.0, -38.0, -25.0])
def test_the_network_for_noise_reads_all_frames_from_the_beginning(room_db: float) -> None:
    observation = spoken(-20.0, room_db=room_db)
    observation.lead_frames = 6
    reading, inputs = VoiceEvidence(WEIGHTS)._new_reading(), VoiceInputs(SpeechEmbedding())
    networks = [GruNetwork(WEIGHTS.network), GruNetwork(WEIGHTS.noisy_network)]
    states = [network.initial_state() for network in networks]
    loudest = -np.inf
    for index, frame in enumerate(observation.frames):
        given = inputs.of(observation, index)
        quiet, noisy = (network.step(*given, state) for network, state in zip(networks, states, strict=True))
        found = reading.log_odds(observation, index)
        if index >= observation.lead_frames:
            loudest = max(loudest, frame.snr_db)
            share = noise_share(loudest)
            assert found == pytest.approx((1.0 - share) * quiet + share * noisy, abs=1e-5)


def test_weights_without_a_network_for_noise_have_one_that_speaks_in_all_rooms(tmp_path: Path) -> None:
    replace(WEIGHTS, network=saying(2.0), noisy_network={}, voice={}).save(tmp_path)
    weights = EvidenceWeights.load(tmp_path)
    assert weights.noisy_network == {}
    assert VoiceEvidence(weights).update(spoken(-20.0, room_db=-25.0)) == pytest.approx(2.0)


def test_one_step_at_a_time_is_the_same_as_all_at_once() -> None:
    observation = spoken(-20.0)
    at_once = voice_nats(observation)
    frames, observation.frames = observation.frames, []
    stepwise = VoiceEvidence(WEIGHTS)
    stepwise.reset()
    for frame in frames:
        observation.frames.append(frame)
        last = stepwise.update(observation)
    assert last == pytest.approx(at_once)


def test_the_network_is_a_gated_recurrent_unit() -> None:
    rng = np.random.default_rng(1)
    hidden, inputs, spectral, embedded = 3, 5, 4, 2
    shapes = {
        "input_weight": (spectral, inputs),
        "input_bias": (spectral,),
        "embedding_weight": (embedded, EMBEDDING_SIZE),
        "embedding_bias": (embedded,),
        "embedding_mean": (EMBEDDING_SIZE,),
        "embedding_scale": (EMBEDDING_SIZE,),
        "gate_input": (3 * hidden, spectral + embedded),
        "gate_input_bias": (3 * hidden,),
        "gate_state": (3 * hidden, hidden),
        "gate_state_bias": (3 * hidden,),
        "output_weight": (hidden,),
        "output_bias": (1,),
    }
    p = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    network = GruNetwork(p)
    state = network.initial_state()
    expected = np.zeros(hidden)
    for embedding in (None, *rng.normal(size=(3, EMBEDDING_SIZE)).astype(np.float32)):
        x = rng.normal(size=inputs).astype(np.float32)
        # While there is no embedding, the network reads its mean.
        known = p["embedding_mean"] if embedding is None else embedding
        centred = (known - p["embedding_mean"]) / p["embedding_scale"]
        inner = np.concatenate(
            [
                np.tanh(p["input_weight"] @ x + p["input_bias"]),
                np.tanh(p["embedding_weight"] @ centred + p["embedding_bias"]),
            ]
        )
        rows = [slice(0, hidden), slice(hidden, 2 * hidden), slice(2 * hidden, None)]
        i = [p["gate_input"][r] @ inner + p["gate_input_bias"][r] for r in rows]
        s = [p["gate_state"][r] @ expected + p["gate_state_bias"][r] for r in rows]
        reset, update = (1 / (1 + np.exp(-(i[k] + s[k]))) for k in (0, 1))
        expected = (1 - update) * np.tanh(i[2] + reset * s[2]) + update * expected
        out = network.step(x, embedding, state)
    np.testing.assert_allclose(state, expected, atol=1e-4)
    assert out == pytest.approx(float(p["output_weight"] @ expected + p["output_bias"][0]), abs=1e-4)


def test_the_default_sources_are_sources_with_different_names() -> None:
    sources = default_sources(LEXICON)
    assert all(isinstance(source, EvidenceSource) for source in sources)
    assert [source.name for source in sources] == ["words", "time", "voice", "level", "listener", "context"]


def test_the_shipped_weights_say_where_they_come_from() -> None:
    assert {"script", "date", "overlaps", "scenes"} <= WEIGHTS.provenance.keys()


def test_saved_weights_are_read_back(tmp_path: Path) -> None:
    WEIGHTS.save(tmp_path / "fold")
    again = EvidenceWeights.load(tmp_path / "fold")
    assert (again.words, again.voice, again.sounds) == (WEIGHTS.words, WEIGHTS.voice, WEIGHTS.sounds)
    for name, array in WEIGHTS.network.items():
        np.testing.assert_array_equal(again.network[name], array)
    assert again.noisy_network.keys() == WEIGHTS.network.keys()
    for name, array in WEIGHTS.noisy_network.items():
        np.testing.assert_array_equal(again.noisy_network[name], array)


def test_missing_or_damaged_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"weights\.json"):
        EvidenceWeights.load(tmp_path)
    WEIGHTS.save(tmp_path)
    (tmp_path / "voice.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"voice\.npz"):
        EvidenceWeights.load(tmp_path)


@pytest.mark.parametrize("name", WEIGHTS.network)
def test_any_array_that_is_missing_or_not_finite_is_named(tmp_path: Path, name: str) -> None:
    less = {each: array for each, array in WEIGHTS.noisy_network.items() if each != name}
    for network in (less, {**less, name: np.full_like(WEIGHTS.noisy_network[name], np.nan)}):
        replace(WEIGHTS, noisy_network=network).save(tmp_path)
        with pytest.raises(ModelError, match=rf"voice\.npz.*\Wnoisy_{name}\W"):
            EvidenceWeights.load(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "shape", "nan"])
@pytest.mark.parametrize("which", ["network", "noisy_network"])
def test_a_network_with_arrays_that_do_not_fit_is_named(tmp_path: Path, which: str, damage: str) -> None:
    network = {name: array.copy() for name, array in getattr(WEIGHTS, which).items()}
    if damage == "missing":
        del network["gate_state"]
    elif damage == "shape":
        network["gate_state"] = network["gate_state"][:-1]
    else:
        network["gate_state"][0, 0] = np.nan
    replace(WEIGHTS, **{which: network}).save(tmp_path)
    prefix = "noisy_" if which == "noisy_network" else ""
    with pytest.raises(ModelError, match=rf"voice\.npz.*\W{prefix}gate_state"):
        EvidenceWeights.load(tmp_path)
