//! How much of what comes from the caller's line is our own voice coming back.
//!
//! We know what is playing at the ear. While the caller is not thought to speak, the difference between the
//! line's level and ours is steady at the line's true echo delay and erratic at all others. The steadiest
//! delay gives the loss of the line; sound that this explains is no interruption. Nothing is ever muted.

/// Delays looked at, in frames of 20 ms: 0 to 620 ms covers carriers and rooms.
const DELAYS: usize = 32;
/// Below this our own sound is too quiet to come back audibly.
const AGENT_MIN_DBFS: f32 = -45.0;
/// Frames of our speech before the estimate is believed: 600 ms.
const FRAMES_MIN: u32 = 30;
/// A delay counts as the echo's when the difference deviates by less than this.
const DEVIATION_MAX_DB: f32 = 4.5;
/// Sound this much above the predicted echo is somebody else.
const MARGIN_DB: f32 = 6.0;
/// Weight of a new frame in the running mean.
const WEIGHT: f32 = 0.06;

#[derive(Debug)]
pub(crate) struct EchoEstimate {
    /// Our level, newest first.
    ours: [f32; DELAYS],
    delays: [Difference; DELAYS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Difference {
    frames: u32,
    mean_db: f32,
    variance: f32,
}

impl Default for EchoEstimate {
    fn default() -> Self {
        Self {
            ours: [-100.0; DELAYS],
            delays: [Difference::default(); DELAYS],
        }
    }
}

impl EchoEstimate {
    /// One frame of the line beside what plays at the ear now. `learn` is off while the caller may be speaking.
    pub(crate) fn on_frame(&mut self, ours_dbfs: Option<i8>, line_dbfs: i8, learn: bool) {
        self.ours.rotate_right(1);
        self.ours[0] = ours_dbfs.map_or(-100.0, f32::from);
        if !learn {
            return;
        }
        for (ours, difference) in self.ours.iter().zip(&mut self.delays) {
            if *ours > AGENT_MIN_DBFS {
                difference.learn(f32::from(line_dbfs) - ours);
            }
        }
    }

    /// Whether our own voice explains a frame of this level.
    pub(crate) fn explains(&self, line_dbfs: i8) -> bool {
        self.predicted()
            .is_some_and(|predicted| f32::from(line_dbfs) <= predicted + MARGIN_DB)
    }

    fn predicted(&self) -> Option<f32> {
        let (delay, best) = self
            .delays
            .iter()
            .enumerate()
            .filter(|(_, difference)| difference.frames >= FRAMES_MIN)
            .min_by(|a, b| a.1.variance.total_cmp(&b.1.variance))?;
        if best.variance.sqrt() > DEVIATION_MAX_DB {
            return None;
        }
        let around = delay.saturating_sub(1)..(delay + 2).min(DELAYS);
        let ours = self.ours[around].iter().copied().fold(f32::MIN, f32::max);
        (ours > AGENT_MIN_DBFS).then_some(ours + best.mean_db)
    }
}

impl Difference {
    fn learn(&mut self, difference_db: f32) {
        self.frames = self.frames.saturating_add(1);
        if self.frames == 1 {
            self.mean_db = difference_db;
            self.variance = 100.0;
            return;
        }
        let weight = f32::max(WEIGHT, 1.0 / self.frames as f32);
        let error = difference_db - self.mean_db;
        self.mean_db += weight * error;
        self.variance += weight * (error * error - self.variance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice's level, frame by frame: syllables and gaps, deterministic.
    fn voice(frame: usize) -> i8 {
        [-18, -20, -34, -16, -24, -40, -19, -28, -15, -36, -22][frame % 11]
    }

    fn learned(delay: usize, loss: i8) -> EchoEstimate {
        let mut echo = EchoEstimate::default();
        for frame in 0..150 {
            let line = if frame >= delay {
                voice(frame - delay).saturating_sub(loss)
            } else {
                -70
            };
            echo.on_frame(Some(voice(frame)), line.max(-70), true);
        }
        echo
    }

    #[test]
    fn our_own_voice_coming_back_is_explained_at_any_delay_and_loss() {
        for delay in [3, 10, 30] {
            for loss in [6, 12, 30] {
                let mut echo = learned(delay, loss);
                for frame in 150..200 {
                    let line = voice(frame - delay).saturating_sub(loss);
                    echo.on_frame(Some(voice(frame)), line, false);
                    assert!(
                        echo.explains(line),
                        "delay {delay}, loss {loss}, frame {frame}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_caller_over_the_echo_is_not_explained() {
        let mut echo = learned(10, 20);
        let mut heard = 0;
        for frame in 150..170 {
            echo.on_frame(Some(voice(frame)), -16, false);
            heard += usize::from(!echo.explains(-16));
        }
        assert!(heard >= 15, "{heard} of 20 frames");
    }

    #[test]
    fn a_line_without_echo_explains_nothing() {
        let mut echo = EchoEstimate::default();
        for frame in 0..150 {
            echo.on_frame(Some(voice(frame)), -70, true);
        }
        assert!(!echo.explains(-30));
    }
}
