"""How many phrases of each language the listener tells apart, said by synthetic voices.

    python benchmarks/listener_languages.py es fr de hi te zh ja

Each phrase of up to three words is said by three espeak-ng voices and heard 0.8 s after its onset. "Same" is the phrase
itself, "right list" that or another of the same list, "wrong list" one of the other list; the rest is left open.
"""

from __future__ import annotations

import argparse
import io
import subprocess
from collections import defaultdict

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from pronounce_phrases import VOICES, written_for_voice
from prosody_gate.audio import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.lexicon import Lexicon
from prosody_gate.listener import Hypothesis, PhonemeListener

VARIANTS = (("f2", 160), ("m3", 175), ("f5", 190))
MOST_WORDS = 3
LEAD = 8


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
    """The last hypothesis of the first 0.8 s."""
    frames = scene[: len(scene) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    listener.start(frames[:LEAD].ravel(), onset=0.0)
    newest = None
    for number, frame in enumerate(frames[LEAD : LEAD + 26], start=1):
        newest = listener.push(frame, time=number * FRAME_DURATION) or newest
    return newest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("languages", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="only every n-th phrase")
    parser.add_argument(
        "--phrases", action="store_true", help="also list the phrases that are never heard or heard wrong"
    )
    arguments = parser.parse_args()
    print("| language | phrases said | same | right list | wrong list |\n|---|---|---|---|---|")
    for language in arguments.languages:
        lexicon = Lexicon.load([language])
        listener = PhonemeListener(lexicon)
        lists = {**dict.fromkeys(lexicon.ignore, "ignore"), **dict.fromkeys(lexicon.interrupt, "interrupt")}
        said = same = right = wrong = 0
        verdicts: dict[str, list[str]] = defaultdict(list)
        for phrase in [one for one in lists if len(one.split()) <= MOST_WORDS][:: arguments.every]:
            for variant, speed in VARIANTS:
                heard = hear(listener, say(language, phrase, variant, speed))
                text = "" if heard is None else heard.text
                said += 1
                same += text == phrase
                right += bool(text) and lists.get(text) == lists[phrase]
                wrong += text in lists and lists[text] != lists[phrase]
                verdicts[phrase].append(text or "-")
        print(f"| {language} | {said} | {same / said:.2f} | {right / said:.2f} | {wrong / said:.2f} |", flush=True)
        if arguments.phrases:
            for phrase, texts in verdicts.items():
                if any(text in lists and lists[text] != lists[phrase] for text in texts):
                    print(f"  {phrase}: {', '.join(texts)}")


if __name__ == "__main__":
    main()
