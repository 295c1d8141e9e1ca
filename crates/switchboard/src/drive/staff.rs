//! The person of staff who has the caller, as the drive sees them: who gets them is the core's decision, the line is ours.

use switchboard_call::event::EventKind;
use switchboard_call::input::{Control, Input};
use switchboard_call::{Moment, Phase, StaffAudio};

use super::Drive;
use crate::live::staff_line::{FromStaff, NotTaken, StaffOver, TakeOver, ToStaff};
use crate::model::Payload;

impl Drive {
    /// One person at a time; whether now is the core's to say.
    pub(super) fn take_over(&mut self, now: Moment, asked: TakeOver) {
        let TakeOver { line, answer } = asked;
        if self.staff.is_some() {
            let _ = answer.send(Err(NotTaken::Already));
            return;
        }
        // The caller of a direct call hears the vendor alone.
        if self.leg.is_direct() {
            let _ = answer.send(Err(NotTaken::NotNow));
            return;
        }
        self.call.handle(now, Input::Control(Control::TakeOver));
        if self.call.phase() != Phase::WithStaff {
            let _ = answer.send(Err(NotTaken::NotNow));
        } else if answer.send(Ok(self.leg.format())).is_ok() {
            self.staff = Some(Box::new(line));
        } else {
            self.call.handle(now, Input::Control(Control::StaffLost));
        }
    }

    /// What the person does; nothing from a line that is given up.
    pub(super) fn staff_input(&mut self, line: u64, from: FromStaff) -> Option<Input> {
        self.staff.as_ref().filter(|staff| staff.id() == line)?;
        Some(match from {
            FromStaff::Said(payload, _permit) => {
                let length = payload.length(self.leg.format());
                let audio = self.audio.keep_agent(payload);
                Input::Staff(StaffAudio { audio, length })
            }
            FromStaff::GiveBack => Input::Control(Control::GiveBack),
            FromStaff::Lost => {
                self.staff = None;
                Input::Control(Control::StaffLost)
            }
        })
    }

    /// The person hears the caller.
    pub(super) fn tell_staff(&self, payload: &Payload) {
        if let Some(staff) = &self.staff {
            staff.tell(ToStaff::Caller(payload.clone()));
        }
    }

    /// Nobody keeps a line to a caller who is somebody else's.
    pub(super) fn mind_staff(&mut self, event: &EventKind) {
        let over = match event {
            EventKind::StaffGaveBack { .. } => StaffOver::GivenBack,
            EventKind::HandoffStarted { .. } => StaffOver::HandedOff,
            EventKind::CallEnded(_) => StaffOver::Ended,
            _ => return,
        };
        if let Some(staff) = self.staff.take() {
            staff.tell(ToStaff::Over(over));
        }
    }
}
