"""A random walk through a call, with everything in any order: see `session_walk`."""

from __future__ import annotations

import logging

import pytest

from session_walk import Walk

CALLS, STEPS = 20, 1_000


@pytest.mark.parametrize("seed", range(CALLS))
def test_in_any_order_of_events_no_turn_is_lost_and_the_agent_can_always_speak(seed: int):
    logging.disable(logging.CRITICAL)
    try:
        walk = Walk(seed, STEPS)
        walk.run()
    finally:
        logging.disable(logging.NOTSET)
    assert walk.came
