"""prosody-gate: an interruption gate for voice agents."""
