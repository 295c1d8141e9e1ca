//! Reading TwiML as strictly as its documentation allows.
//!
//! The real Twilio is laxer in places (an unknown attribute is a warning there, 12200). Here every deviation refuses the
//! document: what a server writes by mistake must not pass a test.

use super::rules::{VERBS, rule_of};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;

/// Documents by webhook have no published limit; this is far beyond any.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
const SAY_CHARACTERS_MAX: usize = 4096;
const PARAMETER_CHARACTERS_LIMIT: usize = 500;

/// Why Twilio would not run a document, with the code of its error log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct DocumentError {
    pub code: u32,
    pub text: String,
}

fn parse_failure(text: impl ToString) -> DocumentError {
    let text = text.to_string();
    DocumentError { code: 12100, text }
}

fn schema(text: impl ToString) -> DocumentError {
    let text = text.to_string();
    DocumentError { code: 12200, text }
}

/// One verb, ready to run. URLs are as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Say {
        text: String,
    },
    Play {
        url: String,
    },
    Pause {
        length_s: u64,
    },
    Gather(Gather),
    Dial(Dial),
    Connect {
        action: Option<String>,
        stream: Stream,
    },
    Record(Record),
    Enqueue(Enqueue),
    Leave,
    Redirect {
        url: String,
    },
    Hangup,
    Reject {
        is_busy: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    pub takes_dtmf: bool,
    pub action: Option<String>,
    pub timeout_s: u64,
    pub digits_max: Option<usize>,
    pub finish_on_key: Option<char>,
    pub action_on_empty_result: bool,
    pub prompts: Vec<Verb>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    pub action: Option<String>,
    pub caller_id: Option<String>,
    pub timeout_s: u64,
    pub time_limit_s: u64,
    pub targets: Vec<Noun>,
}

/// One line of a dial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noun {
    /// A number, a SIP address or a client's name.
    pub address: String,
    /// Document for whoever picks up, before the legs are joined.
    pub url: Option<String>,
    pub status_callback: Option<String>,
    pub status_events: Vec<String>,
    /// Where the verdict of machine detection goes; detection is on when this is there.
    pub machine_callback: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueue {
    pub queue: String,
    pub action: Option<String>,
    pub wait_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    pub url: String,
    pub name: Option<String>,
    pub status_callback: Option<String>,
    pub parameters: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub action: Option<String>,
    pub silence_s_max: u64,
    pub length_s_max: u64,
    pub finish_on_key: Option<char>,
    pub plays_beep: bool,
    pub recording_status_callback: Option<String>,
}

impl Verb {
    pub fn name(&self) -> &'static str {
        let names = |name| {
            *VERBS
                .iter()
                .find(|verb| **verb == name)
                .expect("a listed verb")
        };
        names(match self {
            Self::Say { .. } => "Say",
            Self::Play { .. } => "Play",
            Self::Pause { .. } => "Pause",
            Self::Gather(_) => "Gather",
            Self::Dial(_) => "Dial",
            Self::Connect { .. } => "Connect",
            Self::Record(_) => "Record",
            Self::Enqueue(_) => "Enqueue",
            Self::Leave => "Leave",
            Self::Redirect { .. } => "Redirect",
            Self::Hangup => "Hangup",
            Self::Reject { .. } => "Reject",
        })
    }
}

/// Reads a whole document or says why it would not run.
pub fn parse_document(xml: &str) -> Result<Vec<Verb>, DocumentError> {
    if xml.len() > DOCUMENT_BYTES_MAX {
        return Err(parse_failure("the document is too long"));
    }
    let root = parse_tree(xml)?;
    if root.name != "Response" {
        return Err(parse_failure("the root is not Response"));
    }
    let verbs: Vec<Verb> = root.children.iter().map(verb).collect::<Result<_, _>>()?;
    if verbs
        .iter()
        .skip(1)
        .any(|verb| matches!(verb, Verb::Reject { .. }))
    {
        return Err(schema("Reject is not the first verb"));
    }
    Ok(verbs)
}

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Self>,
}

impl Element {
    /// Checks the element by itself; children are checked as they are attached.
    fn begin(start: &BytesStart<'_>) -> Result<Self, DocumentError> {
        let name = start.name().as_ref().to_owned();
        let rule = rule_of(&name).ok_or_else(|| schema(format!("unknown element {name}")))?;
        let mut attributes = BTreeMap::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(parse_failure)?;
            let key = attribute.key.as_ref().to_owned();
            if !rule.attributes.contains(&key.as_str()) {
                return Err(schema(format!("{name} has no attribute {key}")));
            }
            let value = quick_xml::escape::unescape(&attribute.value).map_err(parse_failure)?;
            attributes.insert(key, value.into_owned());
        }
        Ok(Self {
            name,
            attributes,
            ..Self::default()
        })
    }

    fn attach(&mut self, child: Self) -> Result<(), DocumentError> {
        let rule = rule_of(&self.name).expect("checked when it began");
        if !rule.children.contains(&child.name.as_str()) {
            return Err(schema(format!("{} in {}", child.name, self.name)));
        }
        self.children.push(child);
        Ok(())
    }

    fn finish(mut self) -> Result<Self, DocumentError> {
        let rule = rule_of(&self.name).expect("checked when it began");
        self.text = self.text.trim().to_owned();
        if !self.text.is_empty() && !rule.has_text {
            return Err(schema(format!("{} holds text", self.name)));
        }
        Ok(self)
    }

    fn text(&self) -> Result<String, DocumentError> {
        if self.text.is_empty() {
            return Err(schema(format!("{} is empty", self.name)));
        }
        Ok(self.text.clone())
    }

    fn attribute(&self, name: &str) -> Option<String> {
        self.attributes.get(name).cloned()
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, DocumentError> {
        let Some(text) = self.attributes.get(name) else {
            return Ok(default);
        };
        text.parse()
            .map_err(|_| schema(format!("{name} is no number")))
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, DocumentError> {
        match self.attributes.get(name).map(String::as_str) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(schema(format!("{name} is neither true nor false"))),
        }
    }

    /// `finishOnKey`: one key, or empty for none.
    fn finish_on_key(&self, default: Option<char>) -> Option<char> {
        let key = self.attributes.get("finishOnKey");
        key.map_or(default, |key| key.chars().next())
    }
}

fn parse_tree(xml: &str) -> Result<Element, DocumentError> {
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let closed = match reader.read_event().map_err(parse_failure)? {
            Event::Eof => break,
            Event::Start(start) => {
                open.push(Element::begin(&start)?);
                continue;
            }
            Event::Empty(start) => Element::begin(&start)?.finish()?,
            Event::End(_) => {
                let element = open
                    .pop()
                    .ok_or_else(|| parse_failure("an end without a start"))?;
                element.finish()?
            }
            Event::Text(text) => {
                add_text(&mut open, &text)?;
                continue;
            }
            Event::GeneralRef(reference) => {
                let entity = format!("&{};", &*reference);
                let text = quick_xml::escape::unescape(&entity).map_err(parse_failure)?;
                add_text(&mut open, &text)?;
                continue;
            }
            Event::DocType(_) | Event::PI(_) | Event::CData(_) => {
                return Err(parse_failure("only elements and text are taken"));
            }
            Event::Decl(_) | Event::Comment(_) => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.attach(closed)?,
            None if root.is_none() => root = Some(closed),
            None => return Err(parse_failure("two roots")),
        }
    }
    if !open.is_empty() {
        return Err(parse_failure("the document ends inside an element"));
    }
    root.ok_or_else(|| parse_failure("the document is empty"))
}

fn add_text(open: &mut [Element], text: &str) -> Result<(), DocumentError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(parse_failure("text outside the root")),
    }
    Ok(())
}

fn verb(element: &Element) -> Result<Verb, DocumentError> {
    Ok(match element.name.as_str() {
        "Say" => {
            let text = element.text()?;
            if text.chars().count() > SAY_CHARACTERS_MAX {
                return Err(schema("Say has more than 4096 characters"));
            }
            Verb::Say { text }
        }
        "Play" => Verb::Play {
            url: element.text()?,
        },
        "Pause" => Verb::Pause {
            length_s: element.number("length", 1)?,
        },
        "Gather" => Verb::Gather(gather(element)?),
        "Dial" => Verb::Dial(dial(element)?),
        "Connect" => connect(element)?,
        "Record" => Verb::Record(Record {
            action: element.attribute("action"),
            silence_s_max: element.number("timeout", 5)?,
            length_s_max: element.number("maxLength", 3600)?,
            finish_on_key: element.finish_on_key(Some('#')),
            plays_beep: element.flag("playBeep", true)?,
            recording_status_callback: element.attribute("recordingStatusCallback"),
        }),
        "Enqueue" => {
            element.number("maxQueueSize", 100)?;
            Verb::Enqueue(Enqueue {
                queue: element.text()?,
                action: element.attribute("action"),
                wait_url: element.attribute("waitUrl"),
            })
        }
        "Leave" => Verb::Leave,
        "Redirect" => Verb::Redirect {
            url: element.text()?,
        },
        "Hangup" => Verb::Hangup,
        "Reject" => Verb::Reject {
            is_busy: match element.attributes.get("reason").map(String::as_str) {
                None | Some("rejected") => false,
                Some("busy") => true,
                Some(_) => return Err(schema("a reason Reject does not have")),
            },
        },
        other => return Err(schema(format!("{other} is no verb"))),
    })
}

fn gather(element: &Element) -> Result<Gather, DocumentError> {
    let input = element
        .attributes
        .get("input")
        .map_or("dtmf", String::as_str);
    if !["dtmf", "speech", "dtmf speech", "speech dtmf"].contains(&input) {
        return Err(schema("an input Gather does not have"));
    }
    let digits_max = match element.number("numDigits", 0)? {
        0 => None,
        digits => usize::try_from(digits).ok(),
    };
    Ok(Gather {
        takes_dtmf: input.contains("dtmf"),
        action: element.attribute("action"),
        timeout_s: element.number("timeout", 5)?,
        digits_max,
        finish_on_key: element.finish_on_key(Some('#')),
        action_on_empty_result: element.flag("actionOnEmptyResult", false)?,
        prompts: element
            .children
            .iter()
            .map(verb)
            .collect::<Result<_, _>>()?,
    })
}

fn dial(element: &Element) -> Result<Dial, DocumentError> {
    element.flag("answerOnBridge", false)?;
    let mut targets = element
        .children
        .iter()
        .map(noun)
        .collect::<Result<Vec<_>, _>>()?;
    match (element.text.is_empty(), targets.len()) {
        (false, 0) => targets.push(Noun {
            address: number_text(&element.text)?,
            ..Noun::default()
        }),
        (true, 1..=10) => {}
        _ => return Err(schema("Dial needs a number or one to ten nouns")),
    }
    Ok(Dial {
        action: element.attribute("action"),
        caller_id: element.attribute("callerId"),
        timeout_s: element.number("timeout", 30)?,
        time_limit_s: element.number("timeLimit", 14_400)?,
        targets,
    })
}

/// What Twilio would try to dial. Anything else than a number ends the dial there with this code.
fn number_text(text: &str) -> Result<String, DocumentError> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number = (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if is_number {
        return Ok(text.to_owned());
    }
    Err(DocumentError {
        code: 13223,
        text: "Dial: invalid phone number format".to_owned(),
    })
}

fn noun(element: &Element) -> Result<Noun, DocumentError> {
    let text = element.text()?;
    let address = match element.name.as_str() {
        "Number" => number_text(&text)?,
        "Sip" if !text.starts_with("sip:") && !text.starts_with("sips:") => {
            return Err(schema("Sip needs a sip: address"));
        }
        _ => text,
    };
    let detection = element.attribute("machineDetection");
    let machine_callback = element.attribute("amdStatusCallback");
    match detection.as_deref() {
        None if machine_callback.is_some() => {
            return Err(schema("amdStatusCallback without machineDetection"));
        }
        None | Some("Enable" | "DetectMessageEnd") => {}
        Some(_) => return Err(schema("a machineDetection there is not")),
    }
    let events = element.attribute("statusCallbackEvent");
    let events = events.as_deref().unwrap_or("completed").split_whitespace();
    let status_events: Vec<String> = events.map(str::to_owned).collect();
    let known = ["initiated", "ringing", "answered", "completed"];
    if status_events.iter().any(|event| !known.contains(&&**event)) {
        return Err(schema("a statusCallbackEvent there is not"));
    }
    Ok(Noun {
        address,
        url: element.attribute("url"),
        status_callback: element.attribute("statusCallback"),
        status_events,
        machine_callback,
    })
}

fn connect(element: &Element) -> Result<Verb, DocumentError> {
    let [noun] = &element.children[..] else {
        return Err(schema("Connect needs exactly one noun"));
    };
    if noun
        .attributes
        .get("track")
        .is_some_and(|track| track != "inbound_track")
    {
        return Err(DocumentError {
            code: 31941,
            text: "a bidirectional stream carries only the inbound track".to_owned(),
        });
    }
    let mut parameters = Vec::new();
    for parameter in &noun.children {
        let name = parameter
            .attribute("name")
            .ok_or_else(|| schema("Parameter without name"))?;
        let value = parameter
            .attribute("value")
            .ok_or_else(|| schema("Parameter without value"))?;
        if name.chars().count() + value.chars().count() >= PARAMETER_CHARACTERS_LIMIT {
            return Err(schema("a Parameter has 500 characters or more"));
        }
        parameters.push((name, value));
    }
    Ok(Verb::Connect {
        action: element.attribute("action"),
        stream: Stream {
            url: noun
                .attribute("url")
                .ok_or_else(|| schema("Stream without url"))?,
            name: noun.attribute("name"),
            status_callback: noun.attribute("statusCallback"),
            parameters,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(xml: &str) -> Option<u32> {
        parse_document(xml).err().map(|error| error.code)
    }

    #[test]
    fn a_usual_document_is_read() {
        let verbs = parse_document(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response><Connect><Stream url="wss://h/s"><Parameter name="t" value="a&amp;b"/></Stream></Connect>
            <Say voice="Polly.Joanna">Tom &amp; Ann</Say><Dial timeout="20"><Number>+12025550199</Number></Dial>
            <Record maxLength="60"/></Response>"#,
        )
        .expect("a usual document");
        let names: Vec<_> = verbs.iter().map(Verb::name).collect();
        assert_eq!(names, ["Connect", "Say", "Dial", "Record"]);
        assert_eq!(
            verbs[1],
            Verb::Say {
                text: "Tom & Ann".to_owned()
            }
        );
        let Verb::Connect {
            action: None,
            stream,
        } = &verbs[0]
        else {
            panic!("a connect without action");
        };
        assert_eq!(stream.parameters, [("t".to_owned(), "a&b".to_owned())]);
        assert_eq!(parse_document("<Response/>"), Ok(vec![]));
    }

    #[test]
    fn every_deviation_refuses_the_document() {
        let wrap = |inner: &str| format!("<Response>{inner}</Response>");
        let schema_errors = [
            "<Speak>x</Speak>",
            "<Say Voice='x'>x</Say>",
            "<say>x</say>",
            "<Say></Say>",
            "<Hangup>x</Hangup>",
            "<Say><Hangup/></Say>",
            "<Connect/>",
            "<Connect><Say>x</Say></Connect>",
            "<Dial/>",
            "<Pause length='long'/>",
            "<Dial><Sip>ben@pbx.example.com</Sip></Dial>",
            "<Dial><Number machineDetection='Maybe'>+1</Number></Dial>",
            "<Dial><Number amdStatusCallback='/m'>+1</Number></Dial>",
            "<Dial><Number statusCallbackEvent='picked-up'>+1</Number></Dial>",
            "<Dial><Number action='/a'>+1</Number></Dial>",
            "<Enqueue/>",
            "<Enqueue maxQueueSize='many'>desk</Enqueue>",
            "<Enqueue music='/m'>desk</Enqueue>",
            "<Leave>now</Leave>",
            "<Say>x</Say><Reject/>",
            "<Stream url='wss://h'/>",
            "<Connect><Stream url='wss://h'><Parameter name='t'/></Stream></Connect>",
        ];
        for inner in schema_errors {
            assert_eq!(code(&wrap(inner)), Some(12200), "{inner}");
        }
        let parse_errors = [
            "",
            "text",
            "<Response>",
            "<Response/><Response/>",
            "<Response><Say>a & b</Say></Response>",
            "<Response><Say></Response>",
            "<!DOCTYPE x><Response/>",
        ];
        for xml in parse_errors {
            assert_eq!(code(xml), Some(12100), "{xml}");
        }
        let words = wrap("<Dial><Number>call me</Number></Dial>");
        assert_eq!(code(&words), Some(13223));
        let outbound = wrap("<Connect><Stream url='wss://h' track='both_tracks'/></Connect>");
        assert_eq!(code(&outbound), Some(31941));
    }
}
