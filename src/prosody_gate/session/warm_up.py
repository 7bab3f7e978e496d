"""Loads what is slow ahead of a call, and keeps loaded listeners for the sessions to come."""

from __future__ import annotations

import gc

import numpy as np

from ..audio import FRAME_SAMPLES
from ..gate import Gate
from ..gate_factory import GateFactory
from ..listener import PocketSphinxListener
from .session_counter import SessionCounter
from .threaded_listener import ThreadedListener, breathe

_spare_listeners: list[PocketSphinxListener] = []
"""Listeners that `warm_up` has loaded for the sessions to come."""


def warm_up() -> None:
    """Load the models, make the first calls ahead of the call, and keep a listener for the next session.

    Ends with a garbage collection and `gc.freeze()`: a framework's modules alone are a great many objects, and to look
    through all of them in mid-call stops the event loop.

    Raises:
        ModelError: A model is missing or damaged.
    """
    listener = PocketSphinxListener(between_blocks=breathe)
    gate = Gate(listener=listener)
    counter = SessionCounter(for_prometheus=False)
    gate.agent_started(0.0)
    noise = np.random.default_rng(0).normal(0.0, 0.05, FRAME_SAMPLES).astype(np.float32)
    for probability in (1.0, 1.0, 1.0, 1.0, 0.0):
        for event in gate.push(noise, probability):
            counter.count(event)
    for event in gate.agent_stopped():
        counter.count(event)
    counter.prepare()
    listener.reset()
    _spare_listeners.append(listener)
    gc.collect()
    gc.freeze()


def listener_thread(factory: GateFactory) -> ThreadedListener | None:
    """A session's listener on a thread of its own, one that `warm_up` has loaded where there is one; None for none."""
    if factory.listener is True and _spare_listeners:
        return ThreadedListener(_spare_listeners.pop())
    listener = factory.make_listener(between_blocks=breathe)
    return None if listener is None else ThreadedListener(listener)
