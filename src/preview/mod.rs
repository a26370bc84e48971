//! Token speed: pacing, lanes, text, recording.
