"""The errors a caller can cause; each message names what was wrong and what was expected."""


class ProsodyGateError(Exception):
    """Base class of every error that prosody-gate raises on purpose."""


class AudioError(ProsodyGateError):
    """A recording or a block of samples cannot be used: missing, empty, damaged, or of the wrong form."""


class OptionError(ProsodyGateError):
    """An option or a profile field is unknown, of the wrong type, or out of its range."""


class LexiconError(ProsodyGateError):
    """A phrase list cannot be used: unknown language, unreadable file, or an empty phrase."""


class TranscriptError(ProsodyGateError):
    """A recorded transcript is not what it should be."""


class ModelError(ProsodyGateError):
    """A model file that a part needs is missing or cannot be read."""
