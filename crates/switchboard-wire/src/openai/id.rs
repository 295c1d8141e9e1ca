//! Identifiers as the provider shapes them: a prefix and 21 characters.

/// Characters of an id behind its prefix, in base 62.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 62^21 is the largest power below 2^128, so every character is drawn from real entropy.
const BODY_CHARS: usize = 21;

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdPrefix {
    /// A server event.
    Event,
    /// A session.
    Session,
    /// A conversation.
    Conversation,
    /// A conversation item.
    Item,
    /// A response.
    Response,
    /// A tool call.
    Call,
    /// A WebRTC or SIP call.
    RealtimeCall,
    /// An ephemeral key; it is a secret, so its entropy must be secret too.
    ClientSecret,
    /// A webhook event.
    WebhookEvent,
}

impl IdPrefix {
    /// The prefix with its underscore (section 5).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event_",
            Self::Session => "sess_",
            Self::Conversation => "conv_",
            Self::Item => "item_",
            Self::Response => "resp_",
            Self::Call => "call_",
            Self::RealtimeCall => "rtc_",
            Self::ClientSecret => "ek_",
            Self::WebhookEvent => "evt_",
        }
    }
}

/// Writes an id from 16 bytes of the caller's entropy; equal entropy gives equal ids.
pub fn wire_id(prefix: IdPrefix, entropy: [u8; 16]) -> String {
    let mut rest = u128::from_be_bytes(entropy);
    let prefix = prefix.as_str();
    let mut id = String::with_capacity(prefix.len() + BODY_CHARS);
    id.push_str(prefix);
    for _ in 0..BODY_CHARS {
        let digit = usize::try_from(rest % 62).expect("a remainder of 62 fits");
        id.push(char::from(ALPHABET[digit]));
        rest /= 62;
    }
    id
}
