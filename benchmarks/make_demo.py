"""Makes examples/demo.flac: a synthetic two-channel conversation for `scripts/demo`.

    python benchmarks/make_demo.py

Needs espeak-ng. Channel 0 is the agent, channel 1 the user. Every voice is espeak-ng's, the cough is made of noise;
nothing in it was recorded.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import soundfile
from librosa.effects import trim

from fitting.synthetic_sounds import cough

RATE = 16_000
SECONDS = 46.0
ROOM_DBFS = -62.0
Samples = npt.NDArray[np.float32]

AGENT, USER, COLLEAGUE = ("en-us+m3", 40, 155), ("en-gb+f3", 60, 150), ("en-gb-scotland+m5", 30, 165)
AGENT_DBFS, USER_DBFS, COLLEAGUE_DBFS, COUGH_DBFS = -20.0, -22.0, -40.0, -18.0


def say(text: str, voice: tuple[str, int, int], level_dbfs: float, *, pitch: int = 0) -> Samples:
    """One phrase without silence around it, its loud parts at a level."""
    name, base_pitch, speed = voice
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phrase.wav"
        command = [
            "espeak-ng",
            "-v",
            name,
            "-p",
            str(base_pitch + pitch),
            "-s",
            str(speed),
            "-w",
            str(path),
            text,
        ]
        subprocess.run(command, check=True)
        samples, rate = soundfile.read(path, dtype="float32")
    samples, _ = trim(librosa.resample(samples, orig_sr=rate, target_sr=RATE), top_db=40)
    return at_level(samples, level_dbfs)


def at_level(samples: Samples, level_dbfs: float) -> Samples:
    """Scale so that the loud parts have a level."""
    loud = samples[np.abs(samples) > 0.1 * np.abs(samples).max()]
    return np.asarray(samples * 10.0 ** (level_dbfs / 20.0) / np.sqrt(np.mean(loud**2)), dtype=np.float32)


def conversation() -> npt.NDArray[np.float32]:
    """The two channels, [samples, 2]."""
    rng = np.random.default_rng(16)
    channels = np.zeros((int(SECONDS * RATE), 2), np.float32)

    def put(channel: int, at: float, samples: Samples, until: float | None = None) -> float:
        start = int(at * RATE)
        if until is not None and at + len(samples) / RATE > until:
            samples = samples[: int((until - at) * RATE)].copy()
            samples[-800:] *= np.linspace(1.0, 0.0, 800, dtype=np.float32)
        channels[start : start + len(samples), channel] += samples
        return at + len(samples) / RATE

    def user(at: float, text: str, pitch: int = 0, level_dbfs: float = USER_DBFS) -> float:
        return put(1, at, say(text, USER, level_dbfs, pitch=pitch))

    user(0.6, "Hello. Could you tell me how the trial works?")
    explanation = (
        "Of course. The trial runs for thirty days, and you can use everything that is in the full plan. "
        "You do not need a card to begin. On the first day we send you a short guide by mail, "
        "and on the last day but three we remind you that it ends. If you do nothing, the account simply goes "
        "to the free plan, and none of your recordings are lost. You can also invite up to five colleagues, "
        "and each of them has a workspace of their own, which you can share or keep apart as you like."
    )
    stops = 27.1
    put(0, 3.9, say(explanation, AGENT, AGENT_DBFS), until=stops)
    user(7.0, "mm-hmm", pitch=-20)
    user(10.0, "yeah", pitch=-15)
    user(13.2, "okay, right", pitch=-10)
    put(1, 16.8, at_level(cough(rng, [say("ah", ("en-gb+m7", 30, 100), -10.0)]), COUGH_DBFS))
    put(1, 19.9, say("no, put it on the other table", COLLEAGUE, COLLEAGUE_DBFS))
    user(25.4, "yeah, but wait a second.", pitch=10)
    user(27.5, "Does the guide come in Spanish as well?")
    end = put(0, 30.6, say("It does, in Spanish and in French. Shall I go on?", AGENT, AGENT_DBFS))
    end = user(end + 0.9, "yeah", pitch=-5)
    rest = (
        "Good. After the trial you choose a plan by the month or by the year. The plan by the month can be ended at "
        "any time, and the plan by the year is about a fifth cheaper."
    )
    put(0, end + 0.8, say(rest, AGENT, AGENT_DBFS), until=42.6)
    user(41.3, "stop", pitch=15)
    for channel in range(2):
        noise = np.cumsum(rng.normal(0.0, 1.0, len(channels)))
        noise = np.diff(noise - np.convolve(noise, np.ones(400) / 400, "same"), prepend=0.0)
        channels[:, channel] += (noise / noise.std() * 10.0 ** (ROOM_DBFS / 20.0)).astype(np.float32)
    return np.clip(channels, -1.0, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[1] / "examples" / "demo.flac"
    parser.add_argument("--output", type=Path, default=default)
    output: Path = parser.parse_args().output
    soundfile.write(output, conversation(), RATE, subtype="PCM_16")
    print(f"{output.name}: {output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
