"""Which channel and which stretch of a recording are meant, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio import AudioFile, Resampler, clipped_fraction
from ..errors import OptionError
from ..profile import Profile
from ..recording import OverlapRecorder, RecordOptions
from ..replay import Span, read_spans

AgentSpeech = Literal["always", "never"] | Sequence[Span]


class Channels(NamedTuple):
    """Whose voice is where."""

    user: int
    """The user's channel, from 0."""
    agent: int | None
    """The agent's own channel; None where `agent_speech` says when it speaks."""
    agent_speech: AgentSpeech
    """When the agent speaks, where it has no channel of its own."""


def choose_channels(recording: AudioFile, *, user: int | None, agent: int | None, agent_speech: str | None) -> Channels:
    """Settle the channels, from the command line and the number of channels.

    A mono recording is the user's. In a stereo recording it is enough to name one channel: the other
    follows, unless `agent_speech` is given.

    Args:
        recording: The open recording.
        user: As the command line says; None for not said.
        agent: As the command line says; None for not said.
        agent_speech: `always`, `never`, or the path of a file of spans; None for not said.

    Raises:
        OptionError: Too little or too much was said.
        AudioError: A channel is not there, or the spans cannot be used.
    """
    if agent is not None and agent_speech is not None:
        raise OptionError("--agent: --agent-channel says when the agent speaks already; expected one of the two")
    count = recording.channels
    if count == 2 and agent_speech is None:
        if user is None and agent in (0, 1):
            user = 1 - agent
        elif agent is None and user in (0, 1):
            agent = 1 - user
    if user is None and count == 1:
        user = 0
    if user is None:
        raise OptionError(
            f"{recording.path}: has {count} channels; expected --user-channel N (from 0), and "
            "--agent-channel N or --agent"
        )
    for channel in (user, agent):
        recording.blocks(channel)  # says at once that a channel is not there
    if user == agent:
        hint = "; for a mono recording use --agent always, never or SPANS.json" if count == 1 else ""
        raise OptionError(f"--agent-channel: is the user's channel too ({user}); expected another{hint}")
    if agent is None and agent_speech is None and count > 1:
        raise OptionError(f"{recording.path}: has {count} channels; expected --agent-channel N or --agent as well")
    return Channels(user, agent, _agent_speech(agent_speech))


def _agent_speech(said: str | None) -> AgentSpeech:
    if said is None or said == "always":
        return "always"
    if said == "never":
        return "never"
    path = Path(said)
    if not path.suffix and not os.path.exists(path):
        raise OptionError(f"--agent: expected always, never or a JSON file of [start, end] spans, got {said!r}")
    return read_spans(path)


def choose_part(recording: AudioFile, *, start: float | None, end: float | None) -> Span | None:
    """Settle which stretch of the recording is asked for; None for all of it.

    Args:
        recording: The open recording.
        start: In seconds of the recording; None for its start.
        end: In seconds of the recording; None, or beyond the end, for its end.

    Raises:
        OptionError: The times are no stretch of this recording.
    """
    if start is None and end is None:
        return None
    duration = recording.duration
    first = 0.0 if start is None else start
    if not 0.0 <= first < duration:
        raise OptionError(
            f"--from {first:g}: {recording.path} lasts {duration:.2f} s; expected a time in it, in seconds from 0"
        )
    last = duration if end is None else end
    if not first < last:
        raise OptionError(f"--to {last:g}: expected a time after {first:g} s, where the stretch begins")
    return Span(first, min(last, duration))


CLIPPED_SHARE: Final = 0.001
"""Share of clipped samples from which levels and spectra are no longer to be trusted."""


def check_recording(recording: AudioFile, channel: int) -> str | None:
    """Check that a channel can be read to its end, and how much of it was clipped.

    Args:
        recording: The open recording.
        channel: From 0.

    Returns:
        A warning of one line when more than 0.1 % of the samples are clipped, else None.

    Raises:
        AudioError: The channel is damaged, cut short, or holds a sample that is not a finite number.
    """
    clipped = 0.0
    samples = 0
    for block in recording.blocks(channel):
        clipped += clipped_fraction(block) * block.size
        samples += block.size
    share = clipped / samples
    if share <= CLIPPED_SHARE:
        return None
    return (
        f"{recording.path}: {100.0 * share:.1f} % of channel {channel} is clipped; "
        "expected under 0.1 %: turn the microphone down"
    )


def manifest_line(
    call: Path, manifest: Path, channels: Channels, recording: AudioFile, speaker: str | None
) -> dict[str, Any]:
    """A call's line of a manifest, without its events.

    Args:
        call: The recording.
        manifest: The manifest; audio paths start at its folder.
        channels: Whose voice is where.
        recording: The open recording.
        speaker: Name of the user; None for not known.

    Raises:
        OptionError: The agent never speaks.
    """
    folder = os.path.abspath(manifest.parent)
    line: dict[str, Any] = {
        "audio": Path(os.path.relpath(os.path.abspath(call), folder)).as_posix(),
        "user_channel": channels.user,
    }
    if channels.agent is not None:
        line["agent_channel"] = channels.agent
    elif channels.agent_speech == "never":
        raise OptionError("--agent never: without an agent there is no overlap; expected always or SPANS.json")
    elif channels.agent_speech == "always":
        line["agent"] = [[0.0, round(recording.duration, 3)]]
    else:
        line["agent"] = [[*span] for span in channels.agent_speech]
    if speaker is not None:
        line["speaker"] = speaker
    return line


class _AgentChannel:
    """What is on the agent's channel of a recording, for the recorder of overlaps."""

    def __init__(self, recording: AudioFile, channel: int) -> None:
        self._recording = recording
        self._channel = channel

    def advance(self) -> None:
        """All of it is there already."""

    def between(self, start: float, end: float) -> npt.NDArray[np.int16] | None:
        """A stretch of the channel, [n] int16 at 16 kHz."""
        if start >= self._recording.duration:
            return None
        resampler = Resampler(self._recording.sample_rate)
        samples = self._recording.part(start, end).read(self._channel)
        resampled = np.concatenate([resampler.push(samples), resampler.flush()])
        return np.clip(np.rint(resampled * 32768.0), -32768, 32767).astype(np.int16)


def recorder_of(folder: Path, recording: AudioFile, channels: Channels, profile: Profile | None) -> OverlapRecorder:
    """What records the overlaps of a recording as those of a call.

    Args:
        folder: Where to.
        recording: The open recording.
        channels: Whose voice is where.
        profile: In force; None for none.

    Raises:
        OptionError: The folder cannot be written to.
    """
    return OverlapRecorder(
        RecordOptions(folder=folder, keep_days=None),
        about={"source": recording.path.name, "profile": None if profile is None else profile.microphone.name},
        agent_audio=None if channels.agent is None else _AgentChannel(recording, channels.agent),
        stops_agent=False,
        waits=True,
    )
