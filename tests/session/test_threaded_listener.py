"""The listener on its thread: same words, and the caller never waits."""

from __future__ import annotations

import gc
import threading
import time

import numpy as np
import pytest

from prosody_gate import Hypothesis, ModelError, PhonemeListener
from prosody_gate.session.threaded_listener import MAX_BACKLOG, ThreadedListener

FRAME = np.zeros(512, np.float32)
TIMEOUT = 10.0


class Counting:
    """Hears the number of the frame; waits for `open` before each one."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self.fail = False
        self.threads: set[int] = set()

    def _do(self, what: str) -> None:
        self.threads.add(threading.get_ident())
        assert self.open.wait(TIMEOUT)
        self.calls.append(what)
        if self.fail:
            raise ValueError("no model")

    def start(self, pre_roll, *, onset):
        self._do(f"start {len(pre_roll)} {onset}")

    def push(self, frame, *, time):
        self._do(f"push {time}")
        return Hypothesis(text=f"recognised {time}", time=time, words=())

    def finish(self, *, time):
        self._do(f"finish {time}")

    def reset(self):
        self._do("reset")


def until(condition) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_work_is_done_in_order_on_one_other_thread():
    inner = Counting()
    listener = ThreadedListener(inner)
    listener.start(FRAME, onset=1.0)
    listener.push(FRAME, time=2.0)
    listener.push(FRAME, time=3.0)
    listener.finish(time=3.0)
    until(lambda: len(inner.calls) == 4)
    assert inner.calls == ["start 512 1.0", "push 2.0", "push 3.0", "finish 3.0"]
    assert len(inner.threads) == 1
    assert threading.get_ident() not in inner.threads
    listener.close(wait=TIMEOUT)


def test_the_caller_never_waits_for_a_listener_that_is_stuck():
    inner = Counting()
    inner.open.clear()
    listener = ThreadedListener(inner)
    listener.start(FRAME, onset=1.0)
    for index in range(20):
        assert listener.push(FRAME, time=float(index)) is None
    assert listener.finish(time=20.0) is None
    assert inner.calls == []
    inner.open.set()
    listener.close(wait=TIMEOUT)
    assert len(inner.calls) == 22


def test_each_hypothesis_is_returned_once_and_only_to_its_overlap():
    inner = Counting()
    listener = ThreadedListener(inner)
    listener.start(FRAME, onset=1.0)
    listener.push(FRAME, time=2.0)
    until(lambda: len(inner.calls) == 2)
    until(lambda: listener._mailbox.newest[1] is not None)
    hypothesis = listener.push(FRAME, time=3.0)
    assert hypothesis is not None
    assert hypothesis.text in ("recognised 2.0", "recognised 3.0")
    until(lambda: listener._mailbox.newest[1].text == "recognised 3.0")
    listener.finish(time=3.0)
    assert listener.finish(time=3.0) is None
    listener.start(FRAME, onset=4.0)
    assert listener.push(FRAME, time=5.0) is None or inner.calls[-1] == "push 5.0"
    listener.close(wait=TIMEOUT)


def test_a_listener_far_behind_is_given_up_for_this_overlap_only():
    inner = Counting()
    inner.open.clear()
    listener = ThreadedListener(inner)
    listener.start(FRAME, onset=1.0)
    for index in range(3 * MAX_BACKLOG):
        listener.push(FRAME, time=float(index))
    inner.open.set()
    listener.finish(time=99.0)
    until(lambda: inner.calls[-1:] == ["finish 99.0"])
    assert len(inner.calls) <= MAX_BACKLOG + 4
    listener.start(FRAME, onset=200.0)
    listener.push(FRAME, time=200.0)
    listener.close(wait=TIMEOUT)
    assert inner.calls[-1] == "push 200.0"


def test_an_error_on_the_thread_comes_with_the_next_push():
    inner = Counting()
    inner.fail = True
    listener = ThreadedListener(inner)
    listener.start(FRAME, onset=1.0)
    until(lambda: listener._mailbox.error is not None)
    with pytest.raises(ModelError, match="no model"):
        listener.push(FRAME, time=2.0)
    assert listener.finish(time=2.0) is None
    listener.close(wait=TIMEOUT)


def test_the_thread_ends_when_nobody_holds_the_listener_any_more():
    inner = Counting()
    listener = ThreadedListener(inner)
    listener.start(FRAME, onset=1.0)
    thread = listener._thread
    assert thread is not None
    del listener
    gc.collect()
    thread.join(TIMEOUT)
    assert not thread.is_alive()


def test_it_hears_the_same_words_as_the_listener_alone():
    rng = np.random.default_rng(5)
    audio = (0.05 * rng.normal(size=512 * 30)).astype(np.float32)
    frames = np.split(audio, 30)
    alone = PhonemeListener()
    threaded = ThreadedListener(PhonemeListener())
    for listener in (alone, threaded):
        listener.start(frames[0], onset=0.032)
    hypotheses = [alone.push(frame, time=0.032 * index) for index, frame in enumerate(frames[1:], start=2)]
    for index, frame in enumerate(frames[1:], start=2):
        threaded.push(frame, time=0.032 * index)
    threaded.close(wait=TIMEOUT)
    last = [hypothesis for hypothesis in hypotheses if hypothesis is not None][-1:]
    newest = threaded._mailbox.newest[1]
    assert [newest.text] == [last[0].text] if last else newest is None
