//! A caller over WebRTC: the same library as the server's, which costs the load little and the figures nothing.
//!
//! It sends a voice in 50 packets a second, listens, and asks for a reply over the data channel now and then, as a
//! person who talks with an agent makes a browser do.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::codec_work::CodedVoice;

/// One packet of voice.
const FRAME: Duration = Duration::from_millis(20);
const FRAME_TICKS: u32 = 960;
/// From one question to the next; a reply lasts 3 s, so the agent speaks half of the time.
const ASKS_EVERY: Duration = Duration::from_secs(6);
/// From the offer to the first sound; beyond it the call has failed.
const FIRST_SOUND_MAX: Duration = Duration::from_secs(15);
const ASK: &str = r#"{"type":"response.create"}"#;

/// Where calls begin.
#[derive(Debug, Clone)]
pub struct Place {
    /// `host:port`.
    pub address: String,
    pub key: String,
    pub agent: String,
}

/// When a call got how far, from the first byte of its offer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup {
    /// The answer was read.
    pub answered: Duration,
    /// ICE and DTLS were done.
    pub connected: Duration,
    /// The agent was asked to speak.
    pub asked: Duration,
    /// Its first packet came.
    pub heard: Duration,
}

/// One call.
pub struct Browser {
    rtc: Rtc,
    socket: UdpSocket,
    mid: Mid,
    channel: ChannelId,
    voice: Rc<CodedVoice>,
    sent: u32,
    began: Instant,
    setup: Setup,
    /// Packets of the agent's voice.
    pub heard: u64,
    is_closed: bool,
}

impl Browser {
    /// Offers a call, connects, asks the agent to speak and hears it begin.
    ///
    /// # Errors
    /// The server refused, or nothing was heard in time.
    pub async fn call(place: &Place, voice: Rc<CodedVoice>) -> Result<(Self, Setup)> {
        let began = Instant::now();
        let (mut browser, offer, pending) = Self::offer(began, voice).await?;
        let answer = post(place, &offer).await?;
        browser.setup.answered = began.elapsed();
        let answer = SdpAnswer::from_sdp_string(&answer)?;
        browser.rtc.sdp_api().accept_answer(pending, answer)?;
        let listening = async {
            while browser.heard == 0 {
                browser.step(FRAME).await?;
            }
            anyhow::Ok(())
        };
        timeout(FIRST_SOUND_MAX, listening)
            .await
            .context("no sound came")??;
        let setup = browser.setup;
        Ok((browser, setup))
    }

    async fn offer(
        began: Instant,
        voice: Rc<CodedVoice>,
    ) -> Result<(Self, String, SdpPendingOffer)> {
        let config = Rtc::builder().set_rtp_mode(true).clear_codecs();
        let mut rtc = config.enable_opus(true, false).build(began);
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        rtc.add_local_candidate(Candidate::host(socket.local_addr()?, Protocol::Udp)?);
        let mut changes = rtc.sdp_api();
        let mid = changes.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let channel = changes.add_channel("oai-events".to_owned());
        let (offer, pending) = changes.apply().context("an offer")?;
        let browser = Self {
            rtc,
            socket,
            mid,
            channel,
            voice,
            sent: 0,
            began,
            setup: Setup::default(),
            heard: 0,
            is_closed: false,
        };
        Ok((browser, offer.to_sdp_string(), pending))
    }

    /// Talks until the moment, counting what is heard while `counts` says so.
    ///
    /// # Errors
    /// The call ended before.
    pub async fn talk_until(&mut self, end: Instant, mut hears: impl FnMut(u64)) -> Result<()> {
        let mut next = Instant::now();
        let mut asks = next + ASKS_EVERY;
        while Instant::now() < end {
            let heard = self.heard;
            let now = Instant::now();
            if now >= next {
                self.say();
                next += FRAME;
            }
            if now >= asks {
                self.write(ASK);
                asks += ASKS_EVERY;
            }
            self.step(next.saturating_duration_since(now)).await?;
            hears(self.heard - heard);
        }
        Ok(())
    }

    /// Ends the call.
    pub async fn hang_up(mut self) {
        // Already closed is closed.
        let _ = self.rtc.close();
        let _ = self.drain();
    }

    fn say(&mut self) {
        let Some(pt) = self.voice_type() else {
            return;
        };
        let packet: Arc<[u8]> = self.voice.packets[self.sent as usize % self.voice.packets.len()]
            .as_slice()
            .into();
        let sequence: SeqNo = u64::from(self.sent + 1).into();
        let stamp = self.sent * FRAME_TICKS;
        let mut api = self.rtc.direct_api();
        if let Some(stream) = api.stream_tx_by_mid(self.mid, None) {
            stream.write_rtp(RtpWrite::new(pt, sequence, stamp, Instant::now(), packet));
        }
        self.sent += 1;
    }

    fn voice_type(&self) -> Option<Pt> {
        self.rtc.media(self.mid)?.remote_pts().first().copied()
    }

    fn write(&mut self, text: &str) {
        if let Some(mut channel) = self.rtc.channel(self.channel) {
            let _ = channel.write(false, text.as_bytes());
        }
    }

    /// Everything that is due, and one packet that comes within a moment.
    async fn step(&mut self, moment: Duration) -> Result<()> {
        let due = self.drain()?;
        if self.is_closed {
            bail!("the server closed the call");
        }
        let wait = due.saturating_duration_since(Instant::now()).min(moment);
        let mut buffer = [0; 2_048];
        let received = timeout(wait, self.socket.recv_from(&mut buffer)).await;
        let now = Instant::now();
        match received {
            Ok(received) => {
                let (length, source) = received?;
                let contents = DatagramRecv::try_from(&buffer[..length])?;
                let receive = Receive {
                    proto: Protocol::Udp,
                    source,
                    destination: self.socket.local_addr()?,
                    contents,
                };
                self.rtc.handle_input(Input::Receive(now, receive))?;
            }
            Err(_) => self.rtc.handle_input(Input::Timeout(now))?,
        }
        self.drain()?;
        Ok(())
    }

    fn drain(&mut self) -> Result<Instant> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(transmit) => {
                    let _ = self
                        .socket
                        .try_send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(event) => self.on_event(&event),
            }
        }
    }

    fn on_event(&mut self, event: &Event) {
        match event {
            Event::Connected => self.setup.connected = self.began.elapsed(),
            Event::ChannelOpen(..) => {
                self.setup.asked = self.began.elapsed();
                self.write(ASK);
            }
            Event::RtpPacket(_) => {
                if self.heard == 0 {
                    self.setup.heard = self.began.elapsed();
                }
                self.heard += 1;
            }
            Event::Closed | Event::ChannelClose(_) => self.is_closed = true,
            _ => {}
        }
    }
}

async fn post(place: &Place, offer: &str) -> Result<String> {
    let request = format!(
        "POST /v1/realtime/calls?model={} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{offer}",
        place.agent,
        place.address,
        place.key,
        offer.len(),
    );
    let exchanged = async {
        let mut tcp = TcpStream::connect(&place.address).await?;
        tcp.set_nodelay(true)?;
        tcp.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(FIRST_SOUND_MAX, exchanged).await??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    if !head.starts_with("HTTP/1.1 201 ") {
        bail!(
            "refused: {} {body}",
            head.lines().next().unwrap_or_default()
        );
    }
    Ok(body.to_owned())
}
