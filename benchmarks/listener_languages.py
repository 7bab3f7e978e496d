"""How many phrases of each language the listener tells apart, said by synthetic voices.

    python benchmarks/listener_languages.py es fr de hi te zh ja

Each phrase of up to three words is said by three espeak-ng voices and heard 0.8 s after its onset. "Same" is the phrase
itself, "right list" that or another of the same list, "wrong list" one of the other list; for the rest no phrase was
recognised. "Interrupt + / -" are the shares of interrupt phrases for which the listener's evidence says more than half
a nat for an interruption, and against one; "ignore + / -" the same of ignore phrases. `--phrases` names those that are
taken for one of the other list.
"""

from __future__ import annotations

import argparse
import io
import subprocess
from collections import Counter, defaultdict

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from pronounce_phrases import VOICES, written_for_voice
from prosody_gate.audio import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.evidence import EvidenceWeights, ListenerEvidence, Observation
from prosody_gate.lexicon import Lexicon
from prosody_gate.listener import Hypothesis, PhonemeListener

VARIANTS = (("f2", 160), ("m3", 175), ("f5", 190))
MOST_WORDS = 3
LEAD = 8
LAST = 26
"""Frames after the onset: 0.83 s, the last look."""

SAYS = 0.5
"""Nats from which the evidence counts as saying something."""


def say(language: str, phrase: str, variant: str, speed: int) -> npt.NDArray[np.float32]:
    """The phrase at 16 kHz, from a quarter of a second before its first sound, with a little noise."""
    voice = f"{VOICES.get(language, language)}+{variant}"
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", written_for_voice(language, phrase)]
    samples, rate = soundfile.read(
        io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout), dtype="float32"
    )
    samples = soxr.resample(samples, rate, SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(samples) > 0.03 * np.abs(samples).max())
    rng = np.random.default_rng(len(phrase))
    scene = rng.normal(0.0, 0.001, LEAD * FRAME_SAMPLES + len(samples) + SAMPLE_RATE)
    scene[LEAD * FRAME_SAMPLES : LEAD * FRAME_SAMPLES + len(samples) - loud[0]] += 0.4 * samples[loud[0] :]
    return scene.astype(np.float32)


def hear(listener: PhonemeListener, scene: npt.NDArray[np.float32]) -> Hypothesis | None:
    """What one look 0.8 s after the onset finds."""
    frames = scene[: len(scene) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    listener.start(frames[: LEAD + LAST - 1].ravel(), onset=0.0)
    return listener.push(frames[LEAD + LAST - 1], time=LAST * FRAME_DURATION)


def nats_of(evidence: ListenerEvidence, lexicon: Lexicon, heard: Hypothesis | None) -> float:
    """What the listener's evidence makes of it."""
    if heard is None:
        return 0.0
    now = LAST * FRAME_DURATION
    match = lexicon.match(heard.text, final=False)
    return evidence.update(Observation(0.0, now, now, recognised=heard, recognised_match=match))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("languages", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="only every n-th phrase")
    parser.add_argument("--phrases", action="store_true", help="also name the phrases that do not get across")
    arguments = parser.parse_args()
    weights = EvidenceWeights.load()
    print("| language | said | same | right list | wrong list | interrupt + / - | ignore + / - |")
    print("|---" * 7 + "|")
    named = []
    for language in arguments.languages:
        lexicon = Lexicon.load([language])
        listener, evidence = PhonemeListener(lexicon), ListenerEvidence(lexicon, weights)
        lists = {**dict.fromkeys(lexicon.ignore, "ignore"), **dict.fromkeys(lexicon.interrupt, "interrupt")}
        counts: Counter[str] = Counter()
        verdicts: dict[str, list[str]] = defaultdict(list)
        for phrase in [one for one in lists if len(one.split()) <= MOST_WORDS][:: arguments.every]:
            own = lists[phrase]
            for variant, speed in VARIANTS:
                heard = hear(listener, say(language, phrase, variant, speed))
                text = "" if heard is None else heard.text
                nats = nats_of(evidence, lexicon, heard)
                found = lists.get(text)
                verdicts[phrase].append("right" if found == own else "open" if found is None else f"{text!r}")
                counts.update({"said": 1, own: 1, "same": text == phrase, "right": found == own})
                counts.update({"wrong": found not in (None, own), f"{own} +": nats > SAYS, f"{own} -": nats < -SAYS})
        shares = [f"{counts[one] / counts['said']:.2f}" for one in ("same", "right", "wrong")]
        shares += [
            f"{counts[f'{own} +'] / counts[own]:.2f} / {counts[f'{own} -'] / counts[own]:.2f}"
            for own in ("interrupt", "ignore")
        ]
        print(f"| {language} | {counts['said']} | {' | '.join(shares)} |", flush=True)
        never = [phrase for phrase, found in verdicts.items() if "right" not in found]
        taken = [
            f"{phrase} for {sorted(set(found) - {'right', 'open'})[0]}"
            for phrase, found in verdicts.items()
            if set(found) - {"right", "open"}
        ]
        named.append(f"- {language}: {len(never)} of {len(verdicts)} phrases are recognised from no voice; taken for ")
        named[-1] += f"one of the other list by one or more: {', '.join(taken) or 'none'}"
        if listener.unheard:
            named[-1] += f"; without a pronunciation: {', '.join(listener.unheard)}"
    if arguments.phrases:
        print("", *named, sep="\n")


if __name__ == "__main__":
    main()
