//! Samples of sound: G.711, levels, resampling, voice activity, tones, WAV and Ogg-Opus.
//!
//! Plain functions and small state machines over slices. Nothing here reads a clock, a file or a socket, and no foreign
//! byte makes anything panic. Time is always *audio time*: milliseconds counted from the first sample pushed.
//!
//! ```
//! use switchboard_media::{frame::AudioFormat, level, tone};
//!
//! let pcm = tone::sine(8_000, 440.0, 20, 0.5);
//! let frame = AudioFormat::Ulaw8k.encode_from_pcm(&pcm);
//! assert_eq!(AudioFormat::Ulaw8k.ms_of(frame.len()), 20);
//! assert!(level::level_dbfs_ulaw(&frame) > -12.0);
//! ```

pub mod codec;
mod doubling;
pub mod dtmf;
pub mod frame;
pub mod g711;
pub mod jitter;
pub mod ladder;
pub mod level;
pub mod ogg_opus;
pub mod resample;
pub mod speech;
pub mod tone;
pub mod transcode;
pub mod vad;
pub mod wav;
