//! One socket beside a call: frames between the wire and the call's task.

use std::io;
use std::time::Instant;

use switchboard_wire::websocket::{Message, write_close, write_ping, write_pong, write_text};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::calls::ToCall;
use super::connection::{Socket, entropy};
use super::engine::Output;
use super::log::ReceivedKind;
use super::server::{Command, Recorder};

pub(super) struct Sideband {
    socket: Socket,
    recorder: Recorder,
    commands: UnboundedReceiver<Command>,
    call: UnboundedSender<ToCall>,
}

impl Sideband {
    pub(super) fn new(
        socket: Socket,
        recorder: Recorder,
        commands: UnboundedReceiver<Command>,
        call: UnboundedSender<ToCall>,
    ) -> Self {
        Self {
            socket,
            recorder,
            commands,
            call,
        }
    }

    pub(super) async fn run(mut self) -> io::Result<()> {
        let (to_us, mut from_call) = unbounded_channel();
        let _ = self.call.send(ToCall::Attach(to_us));
        let ping_every = self.recorder.shared.script.ping_every;
        let mut next_ping = Instant::now() + ping_every;
        loop {
            let output = self.socket.output.split();
            self.socket.stream.write_all(&output).await?;
            tokio::select! {
                read = self.socket.stream.read_buf(&mut self.socket.input), if self.socket.is_reading => {
                    if read? == 0 || self.read_frames().await? {
                        return Ok(());
                    }
                }
                told = from_call.recv() => match told {
                    Some(Output::Text(text)) => write_text(&mut self.socket.output, None, &text),
                    Some(Output::Close(code, reason)) => return self.close(code, &reason).await,
                    Some(Output::Drop | Output::StopReading) => {}
                    None => return self.close(1000, "").await,
                },
                Some(command) = self.commands.recv() => match command {
                    Command::Drop => return Ok(()),
                    Command::Close(code, reason) => return self.close(code, &reason).await,
                    Command::StopReading => self.socket.is_reading = false,
                    Command::SendText(text) => write_text(&mut self.socket.output, None, &text),
                    Command::Send(event) => self.tell(ToCall::Emit(event)),
                    Command::Respond(reply) => self.tell(ToCall::Respond(reply)),
                },
                () = tokio::time::sleep_until(next_ping.into()) => {
                    next_ping += ping_every;
                    write_ping(&mut self.socket.output, None, &entropy().unwrap_or_default()[..4]);
                }
            }
        }
    }

    fn tell(&self, what: ToCall) {
        let _ = self.call.send(what);
    }

    async fn close(&mut self, code: u16, reason: &str) -> io::Result<()> {
        write_close(&mut self.socket.output, None, code, reason);
        let output = self.socket.output.split();
        self.socket.stream.write_all(&output).await
    }

    /// True when the client is done.
    async fn read_frames(&mut self) -> io::Result<bool> {
        loop {
            match self.socket.decoder.decode(&mut self.socket.input) {
                Ok(None) => return Ok(false),
                Ok(Some(Message::Text(text))) => self.tell(ToCall::Text(text.as_str().to_owned())),
                Ok(Some(Message::Ping(payload))) => {
                    write_pong(&mut self.socket.output, None, &payload);
                }
                Ok(Some(Message::Close { code, .. })) => {
                    self.recorder.received(ReceivedKind::Closed { code });
                    self.close(code.unwrap_or(1000), "").await?;
                    return Ok(true);
                }
                Ok(Some(Message::Pong(_) | Message::Binary(_))) => {}
                Err(error) => {
                    self.close(error.close_code(), "").await?;
                    return Ok(true);
                }
            }
        }
    }
}
