//! Plain requests to the gateway: a call is offered as Twilio offers it, and the measures are read.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use switchboard_wire::twilio::signature::{SignedBody, sign};
use switchboard_wire::twilio::{AccountSid, CallSid, Form};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for one answer; a gateway that takes longer has failed.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The gateway as its carrier knows it.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// `host:port`.
    pub address: String,
    /// Signs webhooks and upgrades.
    pub auth_token: String,
    pub account: AccountSid,
    /// The number that is called.
    pub number: String,
}

/// Where the gateway wants the stream of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTicket {
    pub url: String,
    pub token: String,
}

impl Gateway {
    /// Offers a call and reads the stream's address out of the document.
    ///
    /// # Errors
    /// No answer, or a document without a stream.
    pub async fn offer(&self, call: &CallSid) -> Result<StreamTicket> {
        let form = Form::parse(self.form(call).as_bytes()).context("our own form")?;
        let url = format!("http://{}/twilio/voice", self.address);
        let signature = sign(&url, SignedBody::Form(&form), &self.auth_token);
        let body = form.encode();
        let request = format!(
            "POST /twilio/voice HTTP/1.1\r\nHost: {}\r\nX-Twilio-Signature: {signature}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len(),
        );
        let answer = exchange(&self.address, &request).await?;
        let document = answer.lines().last().unwrap_or_default();
        ticket_in(document).with_context(|| format!("no stream in the answer: {document}"))
    }

    fn form(&self, call: &CallSid) -> String {
        let number = self.number.replace('+', "%2B");
        format!(
            "AccountSid={}&ApiVersion=2010-04-01&CallSid={call}&CallStatus=ringing&Called={number}&Caller=%2B12025550147\
             &Direction=inbound&From=%2B12025550147&To={number}",
            self.account
        )
    }

    /// The signature of the stream's upgrade.
    pub fn sign_upgrade(&self, url: &str) -> String {
        sign(url, SignedBody::Empty, &self.auth_token)
    }

    /// One measure from `/metrics`; 0 when the gateway has not counted it yet.
    ///
    /// # Errors
    /// No answer.
    pub async fn measure(&self, name: &str) -> Result<f64> {
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        let answer = exchange(&self.address, &request).await?;
        let lines = answer.lines().filter(|line| line.starts_with(name));
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }
}

async fn exchange(address: &str, request: &str) -> Result<String> {
    let exchanged = async {
        let mut tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        tcp.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(ANSWER_MAX, exchanged).await??;
    if !answer.starts_with("HTTP/1.1 200 ") {
        bail!("refused: {}", answer.lines().next().unwrap_or_default());
    }
    Ok(answer)
}

fn ticket_in(document: &str) -> Option<StreamTicket> {
    let stream = document.split_once("<Stream ")?.1;
    let url = attribute(stream, "url")?;
    let parameter = stream.split_once("name=\"t\"")?.1;
    let token = attribute(parameter, "value")?;
    Some(StreamTicket { url, token })
}

fn attribute(text: &str, name: &str) -> Option<String> {
    let value = text.split_once(&format!("{name}=\""))?.1;
    Some(value.split_once('"')?.0.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_and_token_are_read_out_of_the_document() {
        let document = r#"<Response><Connect><Stream url="ws://127.0.0.1:1/s"><Parameter name="t" value="a&amp;b"/></Stream></Connect></Response>"#;
        let ticket = ticket_in(document).unwrap();
        assert_eq!(ticket.url, "ws://127.0.0.1:1/s");
        assert_eq!(ticket.token, "a&b");
        assert_eq!(ticket_in("<Response><Dial>+1</Dial></Response>"), None);
    }
}
