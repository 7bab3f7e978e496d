from __future__ import annotations

from prosody_gate.session import StreamClaim
from prosody_gate.session.stream_claim import BESIDE


class Stream:
    pass


def test_the_first_stream_has_the_part_until_it_ends_and_then_the_next():
    claim, first, second = StreamClaim(), Stream(), Stream()
    assert claim.claim(first)
    assert not claim.claim(second)
    claim.leave(second)
    assert claim.has(first)
    claim.leave(first)
    assert not claim.has(first)
    assert claim.claim(second)


def test_a_stream_that_got_audio_beside_the_gates_own_does_not_take_the_place_of_one_that_is_opened_again():
    claim, own, beside, successor = StreamClaim(), Stream(), Stream(), Stream()
    claim.claim(own)
    for _ in range(BESIDE + 1):
        claim.claim(own)
        claim.claim(beside)
    claim.leave(own)
    assert not claim.claim(beside)
    assert claim.claim(successor)


def test_a_stream_that_overlaps_with_the_one_before_for_a_moment_takes_its_place():
    claim, before, after = StreamClaim(), Stream(), Stream()
    for _ in range(100):
        claim.claim(before)
    for _ in range(3):
        claim.claim(before)
        claim.claim(after)
    claim.leave(before)
    assert claim.claim(after)


def test_a_stream_beside_gets_the_part_when_nobody_else_asks_for_it_any_more():
    claim, passing_by, own = StreamClaim(), Stream(), Stream()
    for _ in range(BESIDE + 1):  # of a second session that came first, between two of the gate's own streams
        claim.claim(passing_by)
        claim.claim(own)
    claim.leave(passing_by)
    assert [claim.claim(own) for _ in range(BESIDE)] == [False] * (BESIDE - 1) + [True]
    assert claim.has(own)
