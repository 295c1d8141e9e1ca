//! Every kind of job, and how patient to be with it.

use std::time::Duration;

use switchboard_store::{JobId, JobIds, JobKey, NewJob, Timestamp, Word};

/// Every kind of job this version can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// What follows from the end of a call.
    CallEnded,
    /// What follows when a human takes a caller over.
    CallHandedOver,
    /// What follows from a message that a caller left.
    VoicemailLeft,
    /// What follows from a booking.
    AppointmentBooked,
    /// Sends one webhook to one endpoint.
    WebhookDeliver,
    /// Sends the transcript of a call by mail.
    MailTranscript,
    /// Takes a call that we place as far as it can be taken now.
    CallPlace,
    /// Fetches the audio of a message from the carrier.
    VoicemailFetch,
    /// Fetches a recording that the carrier made.
    RecordingFetch,
    /// Has a message written down.
    VoicemailTranscribe,
    /// Sends a message by mail.
    MailVoicemail,
    /// Looks whether somebody is to be reminded of an appointment.
    AppointmentRemind,
    /// Deletes what a tenant has kept long enough.
    RetentionSweep,
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const fn hours(hours: u64) -> Duration {
    minutes(hours * 60)
}

/// For work in our own database: it fails only when that does.
const OURS: Patience = Patience {
    waits: &[
        Duration::from_secs(5),
        minutes(1),
        minutes(5),
        minutes(30),
        hours(2),
        hours(12),
    ],
    time_max: Duration::from_secs(60),
};

/// As Standard Webhooks suggests: three days in all, for a receiver that is down over a weekend.
const WEBHOOK: Patience = Patience {
    waits: &[
        Duration::from_secs(5),
        minutes(5),
        minutes(30),
        hours(2),
        hours(5),
        hours(10),
        hours(14),
        hours(20),
        hours(24),
    ],
    time_max: Duration::from_secs(60),
};

/// A mail server may be down for days (RFC 5321 asks for four to five).
const MAIL: Patience = Patience {
    waits: &[
        minutes(1),
        minutes(5),
        minutes(15),
        hours(1),
        hours(3),
        hours(6),
        hours(12),
        hours(24),
        hours(24),
        hours(24),
    ],
    // Each step of the dialogue has `mail.answer_ms_max`; there are seven.
    time_max: minutes(5),
};

/// A run takes what one run may; the next one goes on. What is left after the last waits for the next day.
const SWEEP: Patience = Patience {
    waits: &[Duration::from_secs(10); 20],
    time_max: minutes(5),
};

/// How patient to be with a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Waits between attempts, each lengthened by up to a tenth, so that jobs that failed together do not come back
    /// together. When the last one has passed too, the job has failed.
    pub waits: &'static [Duration],
    /// Longest run; past it the attempt counts as failed.
    pub time_max: Duration,
}

impl JobKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::CallEnded,
        Self::CallHandedOver,
        Self::VoicemailLeft,
        Self::AppointmentBooked,
        Self::WebhookDeliver,
        Self::MailTranscript,
        Self::CallPlace,
        Self::VoicemailFetch,
        Self::RecordingFetch,
        Self::VoicemailTranscribe,
        Self::MailVoicemail,
        Self::AppointmentRemind,
        Self::RetentionSweep,
    ];

    /// Its name in the table, in lists and in measures. A contract: rows of it outlive the process.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CallEnded => "call.ended",
            Self::CallHandedOver => "call.handed_over",
            Self::VoicemailLeft => "voicemail.left",
            Self::AppointmentBooked => "appointment.booked",
            Self::WebhookDeliver => "webhook.deliver",
            Self::MailTranscript => "mail.transcript",
            Self::CallPlace => "call.place",
            Self::VoicemailFetch => "voicemail.fetch",
            Self::RecordingFetch => "recording.fetch",
            Self::VoicemailTranscribe => "voicemail.transcribe",
            Self::MailVoicemail => "mail.voicemail",
            Self::AppointmentRemind => "appointment.remind",
            Self::RetentionSweep => "retention.sweep",
        }
    }

    /// How patient to be with it.
    pub const fn patience(self) -> Patience {
        match self {
            Self::CallEnded
            | Self::CallHandedOver
            | Self::VoicemailLeft
            | Self::AppointmentBooked
            | Self::AppointmentRemind => OURS,
            Self::WebhookDeliver => WEBHOOK,
            Self::MailTranscript | Self::MailVoicemail => MAIL,
            Self::CallPlace => super::outgoing_call::PATIENCE,
            Self::VoicemailFetch => super::voicemail::FETCH,
            Self::RecordingFetch => super::recording::FETCH,
            Self::VoicemailTranscribe => super::voicemail::TRANSCRIBE,
            Self::RetentionSweep => SWEEP,
        }
    }

    /// The kind of this name.
    pub fn named(word: &Word) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.word() == word.as_str())
    }

    /// A job of this kind.
    pub fn job(self, key: JobKey, ids: JobIds, run_at: Timestamp) -> NewJob {
        NewJob {
            id: JobId::new(),
            kind: Word::new(self.word()),
            key,
            ids,
            run_at,
        }
    }
}

impl Patience {
    /// How long to wait after this attempt (1 for the first) before the next; `None` when it was the last.
    pub fn wait_after(&self, attempt: i64, job: JobId) -> Option<Duration> {
        let past = usize::try_from(attempt - 1).ok()?;
        let wait = *self.waits.get(past)?;
        // The last bytes of an id are random.
        let lot = u32::from(job.uuid().as_bytes()[15]);
        Some(wait + wait * lot / (10 * u32::from(u8::MAX)))
    }
}
