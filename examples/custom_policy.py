"""An evidence source of your own, beside the built-in ones: louder than usual means more likely an interruption.

    python examples/custom_policy.py

Runs the bundled conversation with it, faster than real time, and prints what it added to each decision. In a voice
agent the same list goes to `ProsodyGate(sources=[...])`.
"""

from __future__ import annotations

from pathlib import Path

from prosody_gate import Gate, Lexicon, Observation, default_sources, replay

DEMO = Path(__file__).with_name("demo.flac")


class LoudTalkersMeanIt:
    """Half a nat for each 6 dB over the room beyond what a backchannel usually has.

    The gate makes a copy for each overlap and calls `reset` on it, so it may keep what it likes on itself.
    """

    name = "loudness"

    def __init__(self, usual_snr_db: float = 30.0) -> None:
        self.usual_snr_db = usual_snr_db
        self.loudest_db = 0.0

    def reset(self) -> None:
        """A new overlap begins."""
        self.loudest_db = 0.0

    def update(self, observation: Observation) -> float:
        """Nats for an interruption; negative is against it."""
        if observation.frames:
            self.loudest_db = max(self.loudest_db, observation.frames[-1].snr_db)
        return max(-1.0, min(1.0, (self.loudest_db - self.usual_snr_db) / 12.0))


def main() -> None:
    lexicon = Lexicon.load()
    gate = Gate(lexicon=lexicon, sources=[*default_sources(lexicon), LoudTalkersMeanIt()])
    result = replay(DEMO, gate, agent_channel=0, user_channel=1)
    for event in result.decisions:
        shares = "  ".join(f"{name} {nats:+.1f}" for name, nats in event.evidence.items())
        print(f"{event.onset:6.2f} s  {event.kind.value:<8} P {event.probability:.2f}  {shares}")


if __name__ == "__main__":
    main()
