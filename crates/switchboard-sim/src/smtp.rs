//! A mail server that refuses what mail servers refuse: wrong order, bare line feeds, long lines, unknown recipients,
//! messages without the headers RFC 5322 asks for. It keeps what it accepted, and breaks by script.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

/// RFC 5321, 4.5.3.1.6: a line of text with its CRLF.
const LINE_BYTES_MAX: usize = 1_000;
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// A fake must not wait for ever for a client that says nothing.
const LINE_MAX: Duration = Duration::from_secs(10);

/// A moment of the dialogue at which a script may step in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpStep {
    Greeting,
    Ehlo,
    Auth,
    MailFrom,
    RcptTo,
    Data,
    /// The message has arrived whole.
    Message,
}

/// What goes wrong in one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpFault {
    /// Answers this step with this code and text. A message answered so is not kept.
    Answer(SmtpStep, u16, &'static str),
    /// Closes the connection instead of answering. A message is kept all the same: the server took it, and died before
    /// it could say so.
    Close(SmtpStep),
}

/// One mail that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMail {
    pub from: String,
    pub to: Vec<String>,
    /// Head and body as they came, without dot-stuffing.
    pub message: String,
}

impl ReceivedMail {
    /// The value of a header that stands on one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.message.split("\r\n\r\n").next().unwrap_or_default();
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

#[derive(Default)]
struct State {
    received: Vec<ReceivedMail>,
    /// The first connection takes the first one.
    faults: VecDeque<SmtpFault>,
    connections: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    /// User and password, when it asks for them.
    login: Option<(String, String)>,
}

/// The server, on a loopback port. Ends when dropped.
pub struct FakeSmtp {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl FakeSmtp {
    /// A server for whoever comes.
    pub async fn start() -> std::io::Result<Self> {
        Self::listen(None).await
    }

    /// A server that takes mail only after `AUTH PLAIN` with this user and password.
    pub async fn start_with_login(user: &str, password: &str) -> std::io::Result<Self> {
        Self::listen(Some((user.to_owned(), password.to_owned()))).await
    }

    async fn listen(login: Option<(String, String)>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Notify::new(),
            login,
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            serving,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong in the next connection that no fault is planned for yet.
    pub fn plan(&self, fault: SmtpFault) {
        self.with(|state| state.faults.push_back(fault));
    }

    /// Every mail accepted so far.
    pub fn received(&self) -> Vec<ReceivedMail> {
        self.with(|state| state.received.clone())
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.with(|state| state.connections)
    }

    /// Waits until this many mails were accepted. `None` when they were not within `limit`.
    pub async fn wait_for_mails(&self, mails: usize, limit: Duration) -> Option<Vec<ReceivedMail>> {
        let waited = async {
            loop {
                let changed = self.shared.changed.notified();
                let received = self.received();
                if received.len() >= mails {
                    return received;
                }
                changed.await;
            }
        };
        tokio::time::timeout(limit, waited).await.ok()
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        self.shared.with(look)
    }
}

impl Drop for FakeSmtp {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let fault = shared.with(|state| {
            state.connections += 1;
            state.faults.pop_front()
        });
        let dialogue = Dialogue {
            stream: BufReader::new(stream),
            shared: Arc::clone(&shared),
            fault,
            greeted: false,
            signed_in: false,
            from: None,
            to: Vec::new(),
        };
        connections.spawn(dialogue.run());
        while connections.try_join_next().is_some() {}
    }
}

struct Dialogue {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
    fault: Option<SmtpFault>,
    greeted: bool,
    signed_in: bool,
    from: Option<String>,
    to: Vec<String>,
}

/// `None` ends the connection.
type Next = Option<()>;

impl Dialogue {
    async fn run(mut self) {
        if self
            .answer(SmtpStep::Greeting, "220 fake.example ESMTP")
            .await
            .is_none()
        {
            return;
        }
        while let Some(line) = self.line().await {
            if self.command(&line).await.is_none() {
                return;
            }
        }
    }

    async fn command(&mut self, line: &str) -> Next {
        let upper = line.to_ascii_uppercase();
        let needs_login = self.shared.login.is_some() && !self.signed_in;
        if let Some(name) = upper.strip_prefix("EHLO ") {
            if name.trim().is_empty() {
                return self.say("501 5.5.4 a name is needed").await;
            }
            self.greeted = true;
            let auth = if self.shared.login.is_some() {
                "250-AUTH PLAIN\r\n"
            } else {
                ""
            };
            let extensions = format!("250-fake.example\r\n{auth}250 SIZE {MESSAGE_BYTES_MAX}");
            return self.answer(SmtpStep::Ehlo, &extensions).await;
        }
        if upper == "QUIT" {
            self.say("221 2.0.0 bye").await;
            return None;
        }
        if !self.greeted {
            return self.say("503 5.5.1 EHLO first").await;
        }
        if let Some(credentials) = line.strip_prefix("AUTH PLAIN ") {
            return self.sign_in(credentials).await;
        }
        if needs_login && upper != "NOOP" && upper != "RSET" {
            return self.say("530 5.7.0 authentication required").await;
        }
        if upper.starts_with("MAIL FROM:") {
            return self.mail_from(line).await;
        }
        if upper.starts_with("RCPT TO:") {
            return self.rcpt_to(line).await;
        }
        match upper.as_str() {
            "DATA" if self.to.is_empty() => self.say("503 5.5.1 no valid recipients").await,
            "DATA" => self.data().await,
            "NOOP" => self.say("250 2.0.0 ok").await,
            "RSET" => {
                (self.from, self.to) = (None, Vec::new());
                self.say("250 2.0.0 ok").await
            }
            _ => self.say("500 5.5.2 unknown command").await,
        }
    }

    async fn sign_in(&mut self, credentials: &str) -> Next {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let given = STANDARD.decode(credentials).unwrap_or_default();
        let expected = self.shared.login.as_ref();
        let is_right = expected
            .is_some_and(|(user, password)| given == format!("\0{user}\0{password}").into_bytes());
        if !is_right {
            return self.say("535 5.7.8 authentication failed").await;
        }
        self.signed_in = true;
        self.answer(SmtpStep::Auth, "235 2.7.0 welcome").await
    }

    async fn mail_from(&mut self, line: &str) -> Next {
        if self.from.is_some() {
            return self.say("503 5.5.1 a sender was named already").await;
        }
        let Some(address) = path_of(line) else {
            return self.say("501 5.5.4 MAIL FROM:<address>").await;
        };
        self.from = Some(address);
        self.answer(SmtpStep::MailFrom, "250 2.1.0 ok").await
    }

    async fn rcpt_to(&mut self, line: &str) -> Next {
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        let Some(address) = path_of(line) else {
            return self.say("501 5.5.4 RCPT TO:<address>").await;
        };
        if address.starts_with("unknown@") {
            return self.say("550 5.1.1 no such mailbox").await;
        }
        self.to.push(address);
        self.answer(SmtpStep::RcptTo, "250 2.1.5 ok").await
    }

    async fn data(&mut self) -> Next {
        self.answer(SmtpStep::Data, "354 end with a dot").await?;
        let mut message = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                break;
            }
            message.push_str(line.strip_prefix('.').unwrap_or(&line));
            message.push_str("\r\n");
            if message.len() > MESSAGE_BYTES_MAX {
                return self.say("552 5.3.4 too large").await;
            }
        }
        if let Some(complaint) = complaint_about(&message) {
            return self.say(&format!("550 5.6.0 {complaint}")).await;
        }
        let mail = ReceivedMail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            message,
        };
        if !matches!(self.fault, Some(SmtpFault::Answer(SmtpStep::Message, ..))) {
            self.shared.with(|state| state.received.push(mail));
            self.shared.changed.notify_waiters();
        }
        self.answer(SmtpStep::Message, "250 2.0.0 taken").await
    }

    /// Answers a step as it should be, or as the script says.
    async fn answer(&mut self, step: SmtpStep, answer: &str) -> Next {
        match &self.fault {
            Some(SmtpFault::Answer(at, code, text)) if *at == step => {
                let refusal = format!("{code} {text}");
                self.fault = None;
                self.say(&refusal).await
            }
            Some(SmtpFault::Close(at)) if *at == step => None,
            _ => self.say(answer).await,
        }
    }

    async fn say(&mut self, answer: &str) -> Next {
        let bytes = format!("{answer}\r\n");
        self.stream.get_mut().write_all(bytes.as_bytes()).await.ok()
    }

    /// One line that ends with CRLF, is plain ASCII and not too long; anything else ends the connection, as servers do
    /// since bare line feeds smuggle mails.
    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line);
        tokio::time::timeout(LINE_MAX, read).await.ok()?.ok()?;
        let is_long = line.len() > LINE_BYTES_MAX;
        let text = line.strip_suffix(b"\r\n").filter(|_| !is_long);
        let is_plain =
            |text: &&[u8]| text.is_ascii() && !text.contains(&b'\r') && !text.contains(&0);
        match text.filter(is_plain) {
            Some(text) => String::from_utf8(text.to_vec()).ok(),
            None => {
                self.say("500 5.5.2 a line is broken").await;
                None
            }
        }
    }
}

/// The address between the angle brackets of a command.
fn path_of(line: &str) -> Option<String> {
    let (_, path) = line.split_once(":<")?;
    let (address, _) = path.split_once('>')?;
    let (local, domain) = address.rsplit_once('@')?;
    let is_plain = !local.is_empty() && !domain.is_empty() && !address.contains([' ', '<', ',']);
    is_plain.then(|| address.to_owned())
}

/// What RFC 5322 has against a message: each of these headers exactly once.
fn complaint_about(message: &str) -> Option<String> {
    let (head, _) = message.split_once("\r\n\r\n")?;
    let names: Vec<String> = head
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| {
            line.split(':')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        })
        .collect();
    let needed = [
        "from",
        "to",
        "date",
        "subject",
        "message-id",
        "mime-version",
    ];
    let wrong = needed
        .iter()
        .find(|name| names.iter().filter(|found| found == *name).count() != 1);
    wrong.map(|name| format!("{name} must be there once"))
}
