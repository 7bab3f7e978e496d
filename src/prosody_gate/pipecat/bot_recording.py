"""Follows what a pipeline's bot plays, for the recorder: the bot's voice beside the user's."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

import numpy as np
from pipecat.frames.frames import BotStartedSpeakingFrame, BotStoppedSpeakingFrame, OutputAudioRawFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_output import BaseOutputTransport

from ..session import AgentTrack, PlayedAudio

logger = logging.getLogger("prosody_gate")

NOT_RECORDED: Final = "record: the bot's voice cannot be recorded (%s); the user's is"


class BotRecording(AgentTrack):
    """What the pipeline's output transport has played, by stream time.

    Args:
        stream_time: Gives the time (s) of the user's audio that has arrived by now.
    """

    def __init__(self, stream_time: Callable[[], float]) -> None:
        super().__init__(PlayedAudio(), stream_time)

    def follow(self, worker: object) -> BotRecording | None:
        """Follow the output of a pipeline.

        Args:
            worker: The pipeline's `PipelineWorker`.

        Returns:
            None where there is none, or it cannot be followed: then the user alone is recorded.
        """
        add_observer = getattr(worker, "add_observer", None)
        if add_observer is None:
            return None
        try:
            add_observer(_OutputObserver(self.played))
        except Exception as error:
            logger.warning(NOT_RECORDED, error)
            return None
        return self


class _OutputObserver(BaseObserver):
    """Sees what the output transport hands on: the bot's start and stop, and each piece of audio once it is played.

    The pieces are made in the transport, so that their first push is its own.
    """

    def __init__(self, played: PlayedAudio) -> None:
        super().__init__(observe_every_push=False)
        self._played = played
        self._speaks = False
        self._failed = False

    async def on_push_frame(self, data: FramePushed) -> None:
        """Take in a frame that was pushed."""
        is_output = isinstance(data.source, BaseOutputTransport) and data.direction is FrameDirection.DOWNSTREAM
        if not is_output or self._failed:
            return
        now, frame = time.time(), data.frame
        try:
            if isinstance(frame, BotStartedSpeakingFrame):
                self._speaks = True
                self._played.started(now)
            elif isinstance(frame, BotStoppedSpeakingFrame):
                self._speaks = False
                self._played.ended(now)
            elif isinstance(frame, OutputAudioRawFrame) and self._speaks:
                samples = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels)
                self._played.captured(samples, frame.sample_rate, now - len(samples) / frame.sample_rate)
        except Exception as error:
            self._failed = True
            logger.warning(NOT_RECORDED, error)
