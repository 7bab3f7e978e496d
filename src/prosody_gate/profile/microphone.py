"""What was measured at a microphone."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Microphone(BaseModel):
    """The `[microphone]` table of a profile; what is left out is learned in the call."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(min_length=1, description="What people call it.")
    noise_floor_dbfs: float | None = Field(
        default=None, ge=-100.0, le=0.0, description="Level of the room when nobody speaks, in dBFS."
    )
    speaking_level_dbfs: float | None = Field(
        default=None, ge=-100.0, le=0.0, description="The user's usual level in voiced speech, in dBFS."
    )
    pitch_hz: float | None = Field(default=None, ge=60.0, le=500.0, description="The user's usual F0, in Hz.")
    band_hz: float | None = Field(
        default=None,
        ge=1_000.0,
        le=24_000.0,
        description="Upper edge of the band that reaches the gate, in Hz: 4000 or less on a telephone line.",
    )
    input_gain_db: float | None = Field(
        default=None,
        ge=-20.0,
        le=40.0,
        description="How much louder than recorded the gate and its VAD hear the user, in dB: "
        "VADs miss very quiet speech. The levels above are those after it.",
    )
    clipped_share: float | None = Field(
        default=None, ge=0.0, le=1.0, description="Share of samples cut off at full scale, 0 to 1."
    )
