//! The yardstick: a relay without a feature. Caller's frames become appends, deltas become media and a mark, and a
//! reported interruption becomes `clear`. It scans its messages for the payload and trusts the rest.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Parser;
use memchr::memmem;
use switchboard_bench::socket::{Incoming, Socket, accept, text_of};
use switchboard_wire::openai::{APPEND_PREFIX, APPEND_SUFFIX};
use switchboard_wire::websocket::Message;
use tokio::net::{TcpListener, TcpStream};

const UPDATE: &[u8] = br#"{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcmu"},"turn_detection":{"type":"server_vad"}},"output":{"format":{"type":"audio/pcmu"}}}}}"#;

#[derive(Parser)]
struct Arguments {
    /// Address to listen on
    #[arg(long)]
    listen: SocketAddr,
    /// Model, ws://host:port/path
    #[arg(long)]
    model: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(arguments.listen).await?;
    loop {
        let (tcp, _) = listener.accept().await?;
        let model = arguments.model.clone();
        tokio::spawn(async move {
            if let Err(error) = relay(tcp, &model).await {
                eprintln!("a call was not relayed: {error:#}");
            }
        });
    }
}

async fn relay(tcp: TcpStream, model: &str) -> Result<()> {
    let Incoming::Socket(mut carrier, _) = accept(tcp).await? else {
        return Ok(());
    };
    let stream = read_start(&mut carrier).await?;
    let mut model = Socket::dial(model, &[]).await?;
    read_until(&mut model, b"session.created").await?;
    model.send(&[UPDATE]);
    model.push().await?;
    read_until(&mut model, b"session.updated").await?;
    let mut pair = Pair {
        carrier: *carrier,
        model,
        stream,
        marks: 0,
    };
    // Either end may hang up; both sockets go with it.
    let _ = poll_fn(|context| pair.poll(context)).await;
    Ok(())
}

async fn read_start(carrier: &mut Socket) -> Result<Bytes> {
    let start = read_until(carrier, b"\"event\":\"start\"").await?;
    let stream = text_behind(&start, b"\"streamSid\":\"").context("a start names its stream")?;
    Ok(start.slice_ref(stream))
}

async fn read_until(socket: &mut Socket, label: &[u8]) -> Result<Bytes> {
    loop {
        let text = text_of(socket.next().await?)?.unwrap_or_default();
        if memmem::find(&text, label).is_some() {
            return Ok(text);
        }
    }
}

/// Both sockets of one call.
struct Pair {
    carrier: Socket,
    model: Socket,
    stream: Bytes,
    marks: u64,
}

impl Pair {
    /// Reads everything there is, then writes once to each side.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let from_carrier = self.carrier.poll_next(context);
            let from_model = self.model.poll_next(context);
            if from_carrier.is_pending() && from_model.is_pending() {
                break;
            }
            if let Err(error) = self.pass(from_carrier, from_model) {
                return Poll::Ready(error);
            }
        }
        let pushed = self
            .model
            .poll_push(context)
            .and_then(|()| self.carrier.poll_push(context));
        match pushed {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        }
    }

    fn pass(
        &mut self,
        from_carrier: Poll<io::Result<Message>>,
        from_model: Poll<io::Result<Message>>,
    ) -> io::Result<()> {
        if let Poll::Ready(message) = from_carrier
            && let Some(text) = text_of(message?)?
        {
            self.up(&text)?;
        }
        if let Poll::Ready(message) = from_model
            && let Some(text) = text_of(message?)?
        {
            self.down(&text);
        }
        Ok(())
    }

    fn up(&mut self, text: &[u8]) -> io::Result<()> {
        if let Some(payload) = text_behind(text, b"\"payload\":\"") {
            self.model.send(&[APPEND_PREFIX, payload, APPEND_SUFFIX]);
        } else if text.starts_with(b"{\"event\":\"stop\"") {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }

    fn down(&mut self, text: &[u8]) {
        let stream = &self.stream;
        if text.starts_with(b"{\"type\":\"response.output_audio.delta\"") {
            let Some(delta) = text_behind(text, b"\"delta\":\"") else {
                return;
            };
            self.carrier.send(&[
                br#"{"event":"media","streamSid":""#,
                stream,
                br#"","media":{"payload":""#,
                delta,
                br#""}}"#,
            ]);
            self.marks += 1;
            let name = self.marks.to_string();
            self.carrier.send(&[
                br#"{"event":"mark","streamSid":""#,
                stream,
                br#"","mark":{"name":""#,
                name.as_bytes(),
                br#""}}"#,
            ]);
        } else if memmem::find(text, b"input_audio_buffer.speech_started").is_some() {
            self.carrier
                .send(&[br#"{"event":"clear","streamSid":""#, stream, br#""}"#]);
        }
    }
}

/// The plain text behind a label, up to its closing quote.
fn text_behind<'a>(message: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
    let begin = memmem::find(message, label)? + label.len();
    let rest = &message[begin..];
    Some(&rest[..memchr::memchr(b'"', rest)?])
}
