"""A listener that decodes each piece of sound once, however often the recording is replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, FRAME_SAMPLES
from .listener import Hypothesis, Listener

FrameAt = Callable[[int], npt.NDArray[np.float32]]
"""Gives a frame of the stream by its number from 0."""


def frames_then_silence(frames: npt.NDArray[np.float32]) -> FrameAt:
    """Gives the frames [n, 512] by their numbers, and silence after the last one, as a replay does."""
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    return lambda number: frames[number] if number < len(frames) else silence


class Step(NamedTuple):
    """One call of the listener."""

    kind: str
    """start, push or finish."""
    time: float
    """Onset of a start, else time of the last sample, in seconds."""
    pre_roll: int = 0
    """Of a start: frames of audio before the first push."""


class ListenerSteps:
    """The hypothesis after a sequence of steps: a node in the tree of all sequences so far."""

    __slots__ = ("following", "hypothesis", "parent", "step")

    def __init__(self, parent: ListenerSteps | None = None, step: Step | None = None) -> None:
        self.parent = parent
        self.step = step
        self.hypothesis: Hypothesis | None = None
        self.following: dict[Step, ListenerSteps] = {}

    def steps(self) -> list[Step]:
        """All steps from a fresh listener to here."""
        steps: list[Step] = []
        node: ListenerSteps | None = self
        while node is not None and node.step is not None:
            steps.append(node.step)
            node = node.parent
        return steps[::-1]


class SharedListener:
    """The one true listener of a process; it keeps track of the steps, and of which stream, it has made.

    Args:
        make: Makes a fresh listener.
    """

    def __init__(self, make: Callable[[], Listener]) -> None:
        self._listener = make()
        self._at: ListenerSteps | None = None
        self._fresh = True
        self.decoded_frames = 0
        """Frames decoded so far, those decoded again included."""

    def step(self, node: ListenerSteps, step: Step, frame_at: FrameAt) -> Hypothesis | None:
        """Make one more step after those of a node, on the stream that `frame_at` gives."""
        starts = node.step if node.step is not None and node.step.kind == "start" else None
        # A start waits for the next step: only then is it known which frames lie before the first push.
        before = node if starts is None else node.parent
        assert before is not None
        if self._at is not before:
            self._go_to(before, frame_at)
        if starts is not None:
            self._apply(starts, step, frame_at)
        return self._apply(step, None, frame_at)

    def stands_at(self, node: ListenerSteps) -> None:
        """Note which node the last step led to."""
        self._at = node

    def _go_to(self, node: ListenerSteps, frame_at: FrameAt) -> None:
        if not self._fresh:
            self._listener.reset()
        self._fresh = False
        steps = node.steps()
        for place, step in enumerate(steps):
            self._apply(step, steps[place + 1] if place + 1 < len(steps) else None, frame_at)

    def _apply(self, step: Step, following: Step | None, frame_at: FrameAt) -> Hypothesis | None:
        if step.kind == "start":
            self._listener.start(_pre_roll(step, following, frame_at), onset=step.time)
            return None
        if step.kind == "finish":
            return self._listener.finish(time=step.time)
        self.decoded_frames += 1
        return self._listener.push(frame_at(_number(step.time)), time=step.time)


class CachedListener:
    """Gives what a fresh listener would give to the same steps, from memory where they were made before.

    What a listener says depends on all that it was given in the call: on each overlap's onset, on the frame at which it
    started to listen and on the one at which it stopped. The memory is a tree of just these steps, so another
    onset, or an overlap decided earlier, is another branch, and is decoded when it first occurs.

    Args:
        root: The tree of one stream; grows.
        decoder: Shared by all streams of a process.
        frame_at: Gives the frames of the stream.
    """

    def __init__(self, root: ListenerSteps, decoder: SharedListener, frame_at: FrameAt) -> None:
        self._node = self._root = root
        self._decoder = decoder
        self._frame_at = frame_at

    def start(self, pre_roll: npt.NDArray[np.float32], *, onset: float) -> None:
        """Begin an overlap."""
        step = Step("start", onset, len(pre_roll) // FRAME_SAMPLES)
        # Nothing is decoded before the first push.
        self._node = self._node.following.setdefault(step, ListenerSteps(self._node, step))

    def push(self, frame: npt.NDArray[np.float32], *, time: float) -> Hypothesis | None:
        """Recognise one more frame."""
        return self._go_on(Step("push", time))

    def finish(self, *, time: float) -> Hypothesis | None:
        """End the overlap."""
        if self._node.step is None or self._node.step.kind == "finish":
            return None  # none is open
        return self._go_on(Step("finish", time))

    def reset(self) -> None:
        """Back to the state of a new listener."""
        self._node = self._root

    def _go_on(self, step: Step) -> Hypothesis | None:
        node = self._node.following.get(step)
        if node is None:
            hypothesis = self._decoder.step(self._node, step, self._frame_at)
            node = self._node.following[step] = ListenerSteps(self._node, step)
            node.hypothesis = hypothesis
            self._decoder.stands_at(node)
        self._node = node
        return node.hypothesis


def _pre_roll(step: Step, following: Step | None, frame_at: FrameAt) -> npt.NDArray[np.float32]:
    if following is None or following.kind != "push":
        return np.zeros(step.pre_roll * FRAME_SAMPLES, np.float32)  # finished before anything was decoded
    first = _number(following.time)
    frames = [frame_at(number) for number in range(first - step.pre_roll, first)]
    return np.concatenate(frames) if frames else np.zeros(0, np.float32)


def _number(time: float) -> int:
    """Of the frame that ends at a time."""
    return round(time / FRAME_DURATION) - 1
