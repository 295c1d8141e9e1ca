//! A client that is not heard of any more, and one that comes back over a connection of its own (threat S9).
//!
//! Who knows how to come back is missed early: a browser sends a packet every 20 ms, so a hole of most of a second is a
//! path that broke. From then on nothing is said, the core holds the call ([`FromLeg::Absent`]), and what was sent after
//! the client was last heard of is said again when it is there again, over the same connection or a new one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use switchboard_call::input::{FromLeg, LegClosed};

use super::leg::WebRtcLeg;
use super::peer::Peer;
use super::unfinished::Unfinished;
use crate::channels::websocket::comeback::{Exchange, Kept, ResumeOffer};
use crate::channels::websocket::protocol::Outgoing;

/// Silence of a client whose voice was coming: longer than the pauses of a coder that sends nothing for silence
/// (400 ms), and shorter than what the core waits for a mark.
const VOICE_GONE: Duration = Duration::from_millis(700);
/// Silence of a client that sends no voice: browsers check their path at least every 6 s.
const CHECKS_GONE: Duration = Duration::from_secs(8);

/// Whether the client is there, and what it needs if it is not.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// The last messages to it.
    pub(super) kept: Kept,
    /// Since when the core knows that it is away: when it was heard of before.
    away: Option<Instant>,
}

/// A client that is back, on its way to its call.
pub(in crate::channels) struct ReturningPeer {
    /// The answered offer.
    pub(super) peer: Peer,
    /// Until when media must flow.
    pub(super) connect_by: Instant,
    /// Counts it while it is not connected.
    pub(super) unfinished: Unfinished,
    /// Spends the token it came with when it has arrived.
    pub(super) exchange: Exchange,
}

/// What a client is told once its channel is open.
pub(super) struct Returning {
    after: Option<String>,
    offer: ResumeOffer,
    exchange: Exchange,
}

impl WebRtcLeg {
    /// When the client was last heard of. Of one that cannot come back it does not matter.
    pub(super) fn heard_of(&self) -> Instant {
        match (&self.presence, &self.peer) {
            (Some(Presence { away: Some(at), .. }), _) => *at,
            (Some(_), Some(peer)) => peer.heard_of(),
            _ => Instant::now(),
        }
    }

    /// Until when sound that arrived can have been heard: of a client that sends its voice as far as that came, of others
    /// by the clock.
    pub(super) fn hears_until(&self) -> Instant {
        match (&self.presence, &self.peer) {
            (Some(Presence { away: None, .. }), Some(peer)) if !is_voicing(peer) => Instant::now(),
            _ => self.heard_of(),
        }
    }

    /// When it will be missed.
    pub(super) fn missing_at(&self) -> Option<Instant> {
        let presence = self.presence.as_ref()?;
        let peer = self.peer.as_ref()?;
        let is_watched = presence.away.is_none() && self.connect_by.is_none();
        is_watched.then(|| peer.heard_of() + patience(peer))
    }

    /// Notices that the client is silent for too long, or there again.
    pub(super) fn look_for_client(&mut self, now: Instant) {
        if self.missing_at().is_some_and(|at| now >= at) {
            self.miss();
        }
        let (Some(presence), Some(peer)) = (&mut self.presence, &self.peer) else {
            return;
        };
        let heard_of = peer.heard_of();
        // On a connection of its own it is there when that is connected.
        if self.connect_by.is_none()
            && let Some(since) = presence.away.take_if(|since| heard_of > *since)
        {
            self.voice.go_on(now, since);
            self.tell(FromLeg::Returned);
        }
    }

    /// Nobody hears us: the core waits.
    fn miss(&mut self) {
        let Some(presence) = &mut self.presence else {
            return;
        };
        if presence.away.is_none() {
            let heard_of = self.peer.as_ref().map(Peer::heard_of);
            presence.away = Some(heard_of.unwrap_or_else(Instant::now));
            self.voice.pause();
            self.tell(FromLeg::Absent);
        }
    }

    /// The connection is gone. Who knows how to come back is waited for by the core.
    pub(super) fn lose(&mut self) {
        // A call that never stood has nobody to wait for.
        let never_stood = self.connect_by.is_some() && self.returning.is_none();
        if self.presence.is_none() || never_stood {
            return self.end(LegClosed::Lost);
        }
        self.miss();
        self.leave();
        self.peer = None;
    }

    /// Forgets the connection, and what was on its way to the client: all of it is kept.
    fn leave(&mut self) {
        if let Some(presence) = &mut self.presence {
            presence.kept.on_lost();
        }
        self.channel = None;
        self.connect_by = None;
        self.unfinished = None;
        self.returning = None;
        self.missed.clear();
        self.unread.clear();
        self.unread_bytes = 0;
    }

    /// The client is back on another connection. An older one that still seems to be open is closed: one holder at a
    /// time (threat S9).
    pub(in crate::channels) fn come_back(
        &mut self,
        client: ReturningPeer,
        after: Option<String>,
        offer: ResumeOffer,
    ) {
        self.write();
        self.miss();
        let channel = self.channel;
        self.leave();
        if let Some(older) = self.peer.replace(client.peer) {
            tokio::spawn(older.close(channel, VecDeque::new()));
        }
        self.connect_by = Some(client.connect_by);
        self.unfinished = Some(client.unfinished);
        self.returning = Some(Returning {
            after,
            offer,
            exchange: client.exchange,
        });
        self.source = None;
        self.jitter.reset();
    }

    /// Media flows for the first time on this connection.
    pub(super) fn on_connected(&mut self) {
        let now = Instant::now();
        let away = self.presence.as_mut().and_then(|it| it.away.take());
        match away {
            Some(since) => {
                self.voice.go_on(now, since);
                self.tell(FromLeg::Returned);
            }
            None => self.tell(FromLeg::Ready),
        }
    }

    /// The channel of a client that came back is open: it is told what it missed, and the token it came with is spent.
    pub(super) fn catch_up(&mut self) {
        // What was said until now is kept, and not sent twice.
        self.write();
        let (Some(returning), Some(presence)) = (self.returning.take(), &mut self.presence) else {
            return;
        };
        let (missed, is_complete) = presence.kept.missed(returning.after.as_deref());
        self.protocol.tell_resumed(&returning.offer, is_complete);
        if let Some(resumed) = self.protocol.take_outgoing() {
            presence.kept.on_resumed(resumed.clone());
            self.missed.extend(text_of(resumed));
        }
        self.missed.extend(missed.into_iter().filter_map(text_of));
        returning.exchange.complete();
    }
}

/// The last thing that came from this client was its voice.
fn is_voicing(peer: &Peer) -> bool {
    let voiced_at = peer.voiced_at();
    voiced_at.is_some_and(|at| peer.heard_of() < at + VOICE_GONE)
}

fn patience(peer: &Peer) -> Duration {
    if is_voicing(peer) {
        VOICE_GONE
    } else {
        CHECKS_GONE
    }
}

fn text_of(outgoing: Outgoing) -> Option<String> {
    match outgoing {
        Outgoing::Text(text) => Some(text),
        // Sound goes over the track.
        Outgoing::Audio { .. } => None,
    }
}
