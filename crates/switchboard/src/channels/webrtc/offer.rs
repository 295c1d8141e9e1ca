//! What a client offers, looked at before the WebRTC library sees it: its size, and which voice it can speak.

use switchboard_media::codec::{Codec, CodecError, G711, Opus};

/// The largest SDP that is read (threat W3). A browser's has 3 to 8 KiB.
pub(super) const SDP_BYTES_MAX: usize = 64 * 1024;

/// How the two sides will code speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// Opus at 48 kHz on the wire.
    Opus,
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// Why an offer cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OfferError {
    /// It does not begin as SDP does.
    #[error("The body is no SDP offer.")]
    NoSdp,
    /// There is nothing to talk through.
    #[error("The offer has no audio (m=audio).")]
    NoAudio,
    /// It is there, and switched off or for listening only.
    #[error("The offer's audio must be sent and received (a=sendrecv).")]
    NotBothWays,
    /// Neither side understands the other.
    #[error("The offer's audio has none of the codecs spoken here: opus, PCMU, PCMA.")]
    NoCodec,
    /// The call it would go on in speaks another one.
    #[error("The offer lacks the codec that this call speaks.")]
    OtherCodec,
}

impl Voice {
    /// The best codec of an offer: wide-band first, then the one models speak without transcoding.
    ///
    /// # Errors
    /// There is no audio both can speak.
    pub(super) fn of_offer(sdp: &str) -> Result<Self, OfferError> {
        let voices = voices_of(sdp)?;
        let best = voices.into_iter().min_by_key(|voice| *voice as u8);
        best.ok_or(OfferError::NoCodec)
    }

    /// Whether an offer has it: a call goes on in the voice it began in.
    ///
    /// # Errors
    /// As of [`Self::of_offer`].
    pub(super) fn found_in(self, sdp: &str) -> Result<Self, OfferError> {
        let is_there = voices_of(sdp)?.contains(&self);
        is_there.then_some(self).ok_or(OfferError::OtherCodec)
    }

    /// The codec of one leg.
    ///
    /// # Errors
    /// The library refuses to make one.
    pub(super) fn codec(self) -> Result<Box<dyn Codec>, CodecError> {
        Ok(match self {
            Self::Opus => Box::new(Opus::new()?),
            Self::Pcmu => Box::new(G711::ulaw()),
            Self::Pcma => Box::new(G711::alaw()),
        })
    }
}

/// Every voice that the first audio section of an offer has.
fn voices_of(sdp: &str) -> Result<Vec<Voice>, OfferError> {
    if !sdp.trim_start().starts_with("v=0") {
        return Err(OfferError::NoSdp);
    }
    let lines = sdp.lines().map(str::trim);
    let mut audio = lines
        .skip_while(|line| !line.starts_with("m=audio "))
        .take_while({
            let mut sections = 0;
            move |line| {
                sections += usize::from(line.starts_with("m="));
                sections < 2
            }
        });
    let media = audio.next().ok_or(OfferError::NoAudio)?;
    let rest: Vec<&str> = audio.collect();
    let mut fields = media.split_ascii_whitespace();
    if fields.nth(1) == Some("0") {
        return Err(OfferError::NoAudio);
    }
    if rest
        .iter()
        .any(|line| matches!(*line, "a=recvonly" | "a=sendonly" | "a=inactive"))
    {
        return Err(OfferError::NotBothWays);
    }
    let types: Vec<&str> = fields.skip(1).collect();
    Ok(types
        .iter()
        .filter_map(|kind| voice_of(kind, &rest))
        .collect())
}

fn voice_of(payload_type: &str, lines: &[&str]) -> Option<Voice> {
    let map = lines
        .iter()
        .filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '))
        .find(|(kind, _)| *kind == payload_type);
    let name = match map {
        Some((_, name)) => name.to_ascii_lowercase(),
        // These two need no map (RFC 3551).
        None if payload_type == "0" => "pcmu/8000".to_owned(),
        None if payload_type == "8" => "pcma/8000".to_owned(),
        None => return None,
    };
    match name.as_str() {
        "opus/48000/2" => Some(Voice::Opus),
        "pcmu/8000" | "pcmu/8000/1" => Some(Voice::Pcmu),
        "pcma/8000" | "pcma/8000/1" => Some(Voice::Pcma),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(audio: &str) -> String {
        format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{audio}")
    }

    #[test]
    fn the_best_codec_both_speak_is_taken_whatever_the_order() {
        let browser = offer(
            "m=audio 9 UDP/TLS/RTP/SAVPF 0 8 111\r\na=rtpmap:111 opus/48000/2\r\na=sendrecv\r\n",
        );
        assert_eq!(Voice::of_offer(&browser), Ok(Voice::Opus));
        let phone = offer("m=audio 9 UDP/TLS/RTP/SAVPF 8 0 101\r\n");
        assert_eq!(Voice::of_offer(&phone), Ok(Voice::Pcmu));
        let other = offer("m=audio 9 UDP/TLS/RTP/SAVPF 8\r\na=rtpmap:8 PCMA/8000\r\n");
        assert_eq!(Voice::of_offer(&other), Ok(Voice::Pcma));
    }

    #[test]
    fn an_offer_that_cannot_become_a_talk_is_refused_with_its_reason() {
        let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 opus/48000/2\r\n";
        for (sdp, refused) in [
            ("hello".to_owned(), OfferError::NoSdp),
            (String::new(), OfferError::NoSdp),
            (offer(video), OfferError::NoAudio),
            (
                offer("m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"),
                OfferError::NoAudio,
            ),
            (
                offer("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=recvonly\r\n"),
                OfferError::NotBothWays,
            ),
            (
                offer("m=audio 9 UDP/TLS/RTP/SAVPF 97\r\na=rtpmap:97 AMR-WB/16000\r\n"),
                OfferError::NoCodec,
            ),
            (
                offer(&format!("m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n{video}")),
                OfferError::NoCodec,
            ),
        ] {
            assert_eq!(Voice::of_offer(&sdp), Err(refused), "{sdp}");
        }
    }
}
