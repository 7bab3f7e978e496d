"""An evidence source of your own beside the built-in ones: words that matter to your application.

    python examples/custom_policy.py

Runs the bundled conversation without it and with it, faster than real time. The user's "yeah, but wait a second" stops
the agent a third of a second sooner, since "but" counts as soon as the listener follows it; all else stays as it was.
In a voice agent the same list goes to `ProsodyGate(sources=[...])`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prosody_gate import Gate, GateEvent, Lexicon, Observation, PhonemeListener, default_sources, replay

DEMO = Path(__file__).with_name("demo.flac")


class WordsThatMatter:
    """Speaks for an interruption where words of the application's own are said: "yeah, but", "and the price".

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
        if observation.transcript.tokens:
            return self.nats if self.words.intersection(observation.transcript.tokens) else 0.0
        # The listener follows several phrases at once; those with one of the words count by their probability.
        phrases = observation.recognised.phrases if observation.recognised is not None else ()
        return self.nats * sum(phrase.said for phrase in phrases if self.words.intersection(phrase.text.split()))


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
