"""Does calibrating and tuning bring back what a microphone costs? Simulated microphones; prints Markdown.

    python benchmarks/microphones.py --data ../shared/data

Each clip is brought to one speaking level, as one user's at one microphone, and goes through a simulated microphone.
Half of the speakers serve to calibrate and to tune, the other half, never met before, to score: with the defaults,
with the calibrated profile, and with the tuned one, which is kept only where `tune` itself would write it. Each half
has noise recordings of its own. All latencies count from one onset, the same in all columns and for all microphones:
where the default VAD finds the clip's first speech before it goes through any of them. `--limit` clips of each set and
half.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from prosody_gate import GateFactory
from prosody_gate.bench import (
    LEAD_IN,
    Outcome,
    SystemScore,
    Verdict,
    active_level,
    over_telephone,
    read_at_analysis_rate,
    read_manifest,
)
from prosody_gate.calibration import Calibration, RecordedSound, calibrate
from prosody_gate.errors import AudioError
from prosody_gate.gate import GateOptions
from prosody_gate.profile import Profile
from prosody_gate.tuning import Objective, SearchSpace, Tuner, TuneSettings, check_material, prepare_recordings

Samples = npt.NDArray[np.float32]
Rng = np.random.Generator

RATE = 16_000
SPEAKING_DBFS = -26.0
LEVEL_DEVIATION_DB = 3.0
"""Standard deviation of the speaking level from clip to clip."""
ROOM_DBFS = -66.0
PAUSE = 0.7
SPOKEN = "spoken_order"
NOISES = ("doing_the_dishes", "running_tap", "exercise_bike")
SOUNDS_AS_THEY_ARE = ("room_noise", "background")


@dataclass(frozen=True)
class Source:
    """One clip of the shared data."""

    samples: Samples
    label: str
    set: str
    group: str
    name: str


@dataclass(frozen=True)
class Microphone:
    """What happens to a sound on its way."""

    name: str
    gain_db: float = 0.0
    snr_db: float | None = None
    telephone: bool = False
    reverberant: bool = False

    def record(self, sound: Samples, noise: Samples, rng: Rng) -> Samples:
        """The sound as recorded: room, noise, line, gain, full scale, in this order."""
        recorded = sound.astype(np.float32)
        if self.reverberant:
            recorded = np.convolve(recorded, room_response(rng_of(self.name, "room")))[: len(sound)].astype(np.float32)
        level = ROOM_DBFS if self.snr_db is None else SPEAKING_DBFS - self.snr_db
        bed = np.roll(noise, -int(rng.integers(len(noise))))[: len(recorded)]
        recorded = recorded + np.resize(bed, len(recorded)) * np.float32(10.0 ** (level / 20.0) / active_level(noise))
        if self.telephone:
            recorded = over_telephone(recorded)
        louder = recorded * np.float32(10.0 ** (self.gain_db / 20.0))
        return np.asarray(np.clip(louder, -1.0, 32767.0 / 32768.0), np.float32)


MICROPHONES = (
    Microphone("close, as it should be"),
    Microphone("-30 dB", gain_db=-30.0),
    Microphone("+12 dB", gain_db=12.0),
    Microphone("+24 dB, clipped", gain_db=24.0),
    Microphone("telephone", telephone=True),
    Microphone("telephone, -30 dB", telephone=True, gain_db=-30.0),
    Microphone("20 dB SNR", snr_db=20.0),
    Microphone("10 dB SNR", snr_db=10.0),
    Microphone("5 dB SNR", snr_db=5.0),
    Microphone("room, 0.5 s", reverberant=True),
    Microphone("across the room", reverberant=True, snr_db=15.0, gain_db=-20.0),
)


def room_response(rng: Rng, *, decay: float = 0.5) -> Samples:
    """Direct sound, then noise that dies off by 60 dB in `decay` seconds, as loud as the direct sound."""
    times = np.arange(round(decay * RATE)) / RATE
    tail = rng.standard_normal(len(times)) * 10.0 ** (-3.0 * times / decay)
    tail[: round(0.004 * RATE)] = 0.0
    tail /= np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(tail, np.float32)


def half_of(name: str) -> int:
    return hashlib.sha256(name.encode()).digest()[0] % 2


def load(data: Path, limit: int) -> tuple[list[Source], list[Source]]:
    """The clips of both halves, `limit` of each set in each; a speaker is in one half only."""
    rows = [json.loads(line) for line in (data / "recordings.jsonl").read_text(encoding="utf-8").splitlines()]
    rows.sort(key=lambda row: hashlib.sha256(row["audio"].encode()).hexdigest())
    halves: tuple[list[Source], list[Source]] = ([], [])
    taken: defaultdict[tuple[int, str], int] = defaultdict(int)
    for row in rows:
        group = row.get("speaker") or row["audio"]
        half = half_of(group)
        if taken[half, row["set"]] >= limit:
            continue
        taken[half, row["set"]] += 1
        samples = read_at_analysis_rate(data / row["audio"])
        halves[half].append(Source(samples, row["label"], row["set"], group, row["audio"]))
    return halves


def rng_of(*names: str) -> Rng:
    return np.random.default_rng(np.frombuffer(hashlib.sha256(" ".join(names).encode()).digest(), np.uint32))


def noise_of(sources: Sequence[Source]) -> Samples:
    """The noise recordings of a half, in a row."""
    return np.concatenate([one.samples for one in sources if any(noise in one.name for noise in NOISES)])


def at_speaking_level(source: Source) -> Samples:
    """The clip as loud as this user said it, whatever the microphone."""
    if source.set in SOUNDS_AS_THEY_ARE:
        return source.samples
    level = SPEAKING_DBFS + LEVEL_DEVIATION_DB * float(rng_of("level", source.name).standard_normal())
    return np.asarray(source.samples * (10.0 ** (level / 20.0) / active_level(source.samples)), np.float32)


def write_clips(sources: Sequence[Source], microphone: Microphone | None, noise: Samples, folder: Path) -> Path:
    """The clips as the microphone records them, or as they are, with a manifest."""
    folder.mkdir()
    lines = []
    for place, source in enumerate(sources):
        recorded = at_speaking_level(source)
        if microphone is not None:
            recorded = microphone.record(recorded, noise, rng_of(microphone.name, source.name))
        soundfile.write(folder / f"{place}.flac", recorded, RATE, subtype="PCM_16")
        lines.append({"audio": f"{place}.flac", "label": source.label, "set": source.set, "speaker": source.group})
    manifest = folder / "clips.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return manifest


def calibrated(sources: Sequence[Source], microphone: Microphone, noise: Samples) -> Calibration | AudioError:
    """What `calibrate` makes of 6 s of room and a dozen sentences, or its error."""
    rng = rng_of(microphone.name, "calibrate")
    pause = np.zeros(round(PAUSE * RATE), np.float32)
    spoken = [one for one in sources if one.set == SPOKEN][:12]
    sentences = [part for one in spoken for part in (at_speaking_level(one), pause)]
    through = [
        microphone.record(sound, noise, rng) for sound in (np.zeros(6 * RATE, np.float32), np.concatenate(sentences))
    ]
    try:
        room, speech = (RecordedSound.of(sound, RATE, name=microphone.name) for sound in through)
        return calibrate(speech, room)
    except AudioError as error:
        return error


def onsets_of(manifest: Path, jobs: int) -> dict[str, float]:
    """Where the default VAD finds the first speech of each clip; where it finds none, where the clip begins."""
    items = check_material(read_manifest(manifest))
    settings = TuneSettings(gates=GateFactory(listener=False))
    with prepare_recordings(items, settings, source=str(manifest), jobs=jobs) as recordings:
        return {event.name: LEAD_IN if event.onset is None else event.onset for event in recordings.events}


def score(
    manifest: Path, options: GateOptions, profile: Profile | None, onsets: Mapping[str, float], jobs: int
) -> SystemScore:
    items = check_material(read_manifest(manifest))
    scored: list[tuple[Outcome, Verdict]] = []
    settings = TuneSettings(gates=GateFactory(profile=profile))
    with prepare_recordings(items, settings, source=str(manifest), jobs=jobs) as recordings:
        for event, since_own in zip(recordings.events, recordings.evaluate(options).confirmed, strict=True):
            onset = onsets[event.name]
            latency = None if since_own is None else max(since_own + (event.onset or onset) - onset, 0.0)
            outcome = Outcome(event.name, event.line, event.label, event.set, onset, verdicts={})
            scored.append((outcome, Verdict(confirmed=latency, decided=latency)))
    return SystemScore.of("gate", scored)


def tuned(
    manifest: Path, profile: Profile | None, trials: int, jobs: int, objective: Objective
) -> tuple[GateOptions, bool]:
    """The options that `tune` finds, and whether it would write them."""
    settings = TuneSettings(gates=GateFactory.create(profile))
    items = check_material(read_manifest(manifest))
    with prepare_recordings(items, settings, source=str(manifest), jobs=jobs) as recordings:
        result = Tuner(recordings, SearchSpace.of(settings.start), objective).run(trials)
    return result.best.options, result.is_better


def cells(score: SystemScore) -> str:
    caught, false = (100.0 * (share.value or 0.0) for share in (score.caught, score.false_interruptions))
    latency = "–" if score.latency is None else f"{1000.0 * score.latency.p50.value:.0f}"
    return f"{caught:.1f} | {false:.1f} | {latency}"


def changes(options: GateOptions, profile: Profile | None = None) -> str:
    defaults = GateOptions().model_dump()
    changed = [f"{name} {value:g}" for name, value in options.model_dump().items() if value != defaults[name]]
    if profile is not None and profile.input_gain_db:
        changed.insert(0, f"input_gain_db {profile.input_gain_db:g}")
    return ", ".join(changed) or "–"


def rows(arguments: argparse.Namespace, show: Callable[[str], None]) -> Iterator[tuple[str, ...]]:
    first, second = load(arguments.data, arguments.limit)
    white = np.asarray(np.random.default_rng(0).standard_normal(5 * RATE) * 0.1, np.float32)
    show(f"{len(first)} clips to tune on, {len(second)} of other speakers to score")
    objective = Objective()
    with tempfile.TemporaryDirectory() as folder:
        onsets = onsets_of(write_clips(second, None, white, Path(folder) / "as they are"), arguments.jobs)
    for microphone in MICROPHONES:
        if arguments.only and arguments.only not in microphone.name:
            continue
        noise, other_noise = (white, white) if microphone.snr_db is None else (noise_of(first), noise_of(second))
        with tempfile.TemporaryDirectory() as folder:
            tune_on = write_clips(first, microphone, noise, Path(folder) / "tune")
            score_on = write_clips(second, microphone, other_noise, Path(folder) / "score")
            default = score(score_on, GateOptions(), None, onsets, arguments.jobs)
            calibration = calibrated(first, microphone, noise)
            profile = None
            if isinstance(calibration, Calibration):
                profile = calibration.profile(name=microphone.name, source="simulated")
            start = GateOptions() if profile is None else profile.options()
            middle = default if profile is None else score(score_on, start, profile, onsets, arguments.jobs)
            options, better = tuned(tune_on, profile, arguments.trials, arguments.jobs, objective)
            last = score(score_on, options, profile, onsets, arguments.jobs) if better else middle
        says = str(calibration) if profile is None or isinstance(calibration, AudioError) else changes(start, profile)
        yield (
            microphone.name,
            cells(default),
            f"refused: {says} | |" if profile is None else cells(middle),
            cells(last) if better else "kept as calibrated | |",
            f"calibrated: {says}; tuned: {changes(options) if better else 'kept'}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=40, help="clips of each set in each half")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="part of the name of the microphones to run")
    arguments = parser.parse_args()
    began = time.perf_counter()
    lines: list[Any] = []

    def show(line: str) -> None:
        print(f"{line}.\n", flush=True)
        print("| microphone | default: caught % | false % | ms | calibrated: caught % | false % | ms ", end="")
        print("| tuned: caught % | false % | ms |")
        print("|---|" + "---:|" * 9, flush=True)

    for name, *columns, note in rows(arguments, show):
        print(f"| {name} | {' | '.join(columns)} |", flush=True)
        lines.append(f"- {name}: {note}")
    print("\n" + "\n".join(lines))
    print(f"\n{arguments.trials} trials a microphone; {time.perf_counter() - began:.0f} s in all.")


if __name__ == "__main__":
    main()
