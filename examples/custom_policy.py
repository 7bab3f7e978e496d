"""An evidence source of your own beside the built-in ones: words that matter to your application.

    python examples/custom_policy.py

Runs the bundled conversation without it and with it, faster than real time. The user's "yeah, but wait a second" stops
the agent a tenth of a second sooner, since "but" counts as soon as it is recognised after another word; all else stays
as it was. In a voice agent the same list goes to `ProsodyGate(sources=[...])`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prosody_gate import Gate, GateEvent, Lexicon, Observation, PhonemeListener, default_sources, replay

DEMO = Path(__file__).with_name("demo.flac")


class WordsThatMatter:
    """Speaks for an interruption once a word of the application's own follows another: "yeah, but", "and the price".

    The gate makes a copy for each overlap and calls `reset` on it, so a source may keep state of one overlap on itself.

    Args:
        words: Single words: the product's name, "price", "but".
        nats: How much one of them counts. 2 nats make an interruption e^2, about 7 times, more likely.
    """

    name = "application_words"

    def __init__(self, words: Iterable[str], nats: float = 2.0) -> None:
        self.words = frozenset(words)
        self.nats = nats

    def reset(self) -> None:
        """A new overlap begins."""

    def update(self, observation: Observation) -> float:
        """Nats for an interruption; negative would be against it."""
        # The transcript where there is one, else what the on-device listener recognised.
        match = observation.transcript if observation.transcript.tokens else observation.recognised_match
        # Not the first word: the listener's first guess at a sound is often wrong ("but" in the middle of "okay").
        return self.nats if self.words.intersection(match.tokens[1:]) else 0.0


def decisions(*, with_source: bool) -> tuple[GateEvent, ...]:
    """What a gate decides on the bundled conversation."""
    lexicon = Lexicon.load()
    sources = list(default_sources(lexicon))
    if with_source:
        sources.append(WordsThatMatter({"but", "price", "refund"}))
    gate = Gate(lexicon=lexicon, listener=PhonemeListener(lexicon), sources=sources)
    return replay(DEMO, gate, agent_channel=0, user_channel=1).decisions


def main() -> None:
    print("    onset   without the source    with it")
    for before, after in zip(decisions(with_source=False), decisions(with_source=True), strict=True):
        share = f"{WordsThatMatter.name} {after.evidence[WordsThatMatter.name]:+.1f}"
        print(f"{before.onset:7.2f} s   {outcome(before)}      {outcome(after)}   {share}   {after.text!r}")


def outcome(event: GateEvent) -> str:
    """A decision, and how long after its onset it came."""
    return f"{event.kind.value:<7} {1000 * event.latency:5.0f} ms"


if __name__ == "__main__":
    main()
