"""Loads what is slow ahead of a call."""

from __future__ import annotations

import gc

import numpy as np

from ..audio import FRAME_SAMPLES
from ..gate import GateOptions
from ..gate_factory import GateFactory
from .session_counter import SessionCounter
from .threaded_listener import ThreadedListener


def warm_up(factory: GateFactory | None = None) -> None:
    """Load the models, make the first calls ahead of the call, and keep them with the process.

    Every session's listener shares the recogniser and the tree of phrases.

    Ends with a garbage collection and `gc.freeze()`: a framework's modules alone are a great many objects, and to look
    through all of them in mid-call stops the event loop.

    Args:
        factory: Of the gates to come; None for the default one.

    Raises:
        ModelError: A model is missing or damaged.
    """
    # With the default options: by those of a profile, so short a sound may be no speech yet, and nothing would be warm.
    gate = (factory or GateFactory.create()).gate(options=GateOptions())
    counter = SessionCounter(for_prometheus=False)
    gate.agent_started(0.0)
    noise = np.random.default_rng(0).normal(0.0, 0.05, FRAME_SAMPLES).astype(np.float32)
    for probability in (1.0, 1.0, 1.0, 1.0, 0.0):
        for event in gate.push(noise, probability):
            counter.count(event)
    for event in gate.agent_stopped():
        counter.count(event)
    counter.prepare()
    gc.collect()
    gc.freeze()


def listener_thread(factory: GateFactory) -> ThreadedListener | None:
    """A session's listener on a thread of its own; None for none."""
    listener = factory.make_listener()
    return None if listener is None else ThreadedListener(listener)
