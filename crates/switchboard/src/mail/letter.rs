//! One mail as text: composed once, escaped for each of its parts.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use lettre::message::header::ContentType;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Attachment as AttachedPart, Mailbox, MultiPart};
use lettre::{Address, Message};
use thiserror::Error;

/// Longest subject; mail programs show some seventy characters of it.
const SUBJECT_CHARS_MAX: usize = 150;
/// Longest address that is read; RFC 5321 allows 254.
const ADDRESS_BYTES_MAX: usize = 254;

/// An e-mail address, without a name. Private: it prints as a placeholder.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(Address);

/// The text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an e-mail address must look like name@example.com")]
pub struct BadAddress;

/// A mail to one address.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Whom it goes to.
    pub to: MailAddress,
    /// One line; line breaks and other control characters become blanks.
    pub subject: String,
    /// The words for readers of plain text.
    pub text: String,
    /// The same as HTML, escaped by whoever wrote it; see [`escape_html`].
    pub html: String,
    /// Sound that goes with it.
    pub attachment: Option<Attachment>,
    /// What is before the `@` of its `Message-ID`: letters, digits, `.`, `-`. The same on every try of the same mail, so
    /// that whoever gets it twice can tell.
    pub message_id: String,
}

/// A file of a letter.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name: ours, never a caller's.
    pub name: &'static str,
    /// Its type.
    pub content_type: &'static str,
    /// What is in it.
    pub content: Bytes,
}

impl FromStr for MailAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let text = text.trim();
        // Plain ASCII: servers without SMTPUTF8 are many, and no line break or quoted oddity passes.
        let is_plain =
            text.len() <= ADDRESS_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        let address = text
            .parse()
            .ok()
            .filter(|_| is_plain && !text.contains('"'));
        address.map(Self).ok_or(BadAddress)
    }
}

impl MailAddress {
    /// The address itself, for the mail and for storing.
    pub fn expose(&self) -> &str {
        self.0.as_ref()
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Letter({})", self.message_id)
    }
}

/// The letter cannot be written as a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the mail cannot be composed")]
pub(super) struct Unwritable;

impl Letter {
    /// The message as it is sent, with text and HTML part.
    pub(super) fn compose(&self, from: &Mailbox) -> Result<Message, Unwritable> {
        let id_is_plain = self
            .message_id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if !id_is_plain || self.message_id.is_empty() {
            return Err(Unwritable);
        }
        let id = format!("<{}@{}>", self.message_id, from.email.domain());
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, self.to.0.clone()))
            .subject(one_line(&self.subject))
            .message_id(Some(id))
            .date_now()
            .header(AutoSubmitted)
            .multipart(self.parts()?)
            .map_err(|_| Unwritable)
    }

    fn parts(&self) -> Result<MultiPart, Unwritable> {
        let words = MultiPart::alternative_plain_html(self.text.clone(), self.html.clone());
        let Some(file) = &self.attachment else {
            return Ok(words);
        };
        let kind = ContentType::parse(file.content_type).map_err(|_| Unwritable)?;
        let part = AttachedPart::new(file.name.to_owned()).body(file.content.to_vec(), kind);
        Ok(MultiPart::mixed().multipart(words).singlepart(part))
    }
}

/// Threat H8: no line break reaches a header, whatever it came from.
fn one_line(text: &str) -> String {
    let plain = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    plain.take(SUBJECT_CHARS_MAX).collect()
}

/// Text as HTML text (threat H8).
pub fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // What is no text in a mail may still steer a program that shows it.
            _ if letter.is_control() && letter != '\n' && letter != '\t' => {}
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// `Auto-Submitted: auto-generated` (RFC 3834): nobody's holiday notice answers it.
#[derive(Clone, Copy)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(subject: &str) -> Letter {
        Letter {
            to: "desk@example.org".parse().expect("an address"),
            subject: subject.to_owned(),
            text: "words".to_owned(),
            html: "<p>words</p>".to_owned(),
            attachment: None,
            message_id: "transcript.1".to_owned(),
        }
    }

    fn composed(letter: &Letter) -> String {
        let from = "Front desk <voice@example.com>".parse().expect("a mailbox");
        let message = letter.compose(&from).expect("composed");
        String::from_utf8(message.formatted()).expect("plain text")
    }

    #[test]
    fn h8_no_line_break_in_a_subject_becomes_a_header() {
        for subject in [
            "a\r\nBcc: all@example.org",
            "a\nBcc: all@example.org",
            "a\rBcc: x\u{0}\u{85}",
        ] {
            let text = composed(&letter(subject));
            let (head, _) = text.split_once("\r\n\r\n").expect("a head");
            assert!(!head.to_lowercase().contains("\nbcc:"), "{head}");
            assert_eq!(head.matches("Subject:").count(), 1, "{head}");
        }
    }

    #[test]
    fn h8_an_address_with_more_than_an_address_in_it_is_refused() {
        for text in [
            "",
            "desk",
            "desk@",
            "@example.org",
            "a@example.org\r\nBcc: b@example.org",
            "a@b.org,c@d.org",
            "<a@b.org>",
            "a b@c.org",
            "\"a\r\n\"@b.org",
            "ä@b.org",
            "a@b.org\0",
        ] {
            assert_eq!(text.parse::<MailAddress>(), Err(BadAddress), "{text:?}");
        }
        let long = format!("{}@example.org", "a".repeat(300));
        assert_eq!(long.parse::<MailAddress>(), Err(BadAddress));
        assert_eq!(
            "desk+calls@example.org"
                .parse::<MailAddress>()
                .expect("fine")
                .expose(),
            "desk+calls@example.org"
        );
    }

    #[test]
    fn h8_words_stay_words_in_html() {
        assert_eq!(
            escape_html("<b onclick='x'>\"A & B\"\u{1b}[2J</b>\n"),
            "&lt;b onclick=&#39;x&#39;&gt;&quot;A &amp; B&quot;[2J&lt;/b&gt;\n"
        );
    }

    #[test]
    fn a_letter_has_one_id_of_ours_and_says_that_a_machine_wrote_it() {
        let text = composed(&letter("Call"));
        assert!(
            text.contains("Message-ID: <transcript.1@example.com>\r\n"),
            "{text}"
        );
        assert!(
            text.contains("Auto-Submitted: auto-generated\r\n"),
            "{text}"
        );
        assert!(text.contains("multipart/alternative"), "{text}");
        let foreign = Letter {
            message_id: "a>\r\nBcc: b".to_owned(),
            ..letter("Call")
        };
        assert_eq!(
            foreign
                .compose(&"a@b.org".parse().expect("a mailbox"))
                .err(),
            Some(Unwritable)
        );
    }

    #[test]
    fn a_file_goes_with_the_words() {
        let with_file = Letter {
            attachment: Some(Attachment {
                name: "message.wav",
                content_type: "audio/wav",
                content: Bytes::from_static(b"RIFF sound"),
            }),
            ..letter("Message")
        };
        let text = composed(&with_file);
        for part in [
            "multipart/mixed",
            "multipart/alternative",
            "Content-Type: audio/wav",
            "filename=\"message.wav\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn d5_an_address_prints_as_a_placeholder() {
        assert_eq!(format!("{:?}", letter("x").to), "***");
        assert_eq!(format!("{:?}", letter("x")), "Letter(transcript.1)");
    }
}
