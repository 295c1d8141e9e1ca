//! Foreign protocols as typed messages and pure codecs.
//!
//! Bytes come in, values go out. Nothing here opens a socket, reads a clock or draws randomness: masking keys, nonces and
//! signing secrets are arguments. Nothing a foreign byte can do panics; what breaks a protocol is a typed error.
//!
//! ```
//! use bytes::BytesMut;
//! use switchboard_wire::websocket::{Decoder, Limits, Message, Role, write_text};
//!
//! let mut wire = BytesMut::new();
//! write_text(&mut wire, Some([1, 2, 3, 4]), "hello");
//! let mut server = Decoder::new(Role::Server, Limits::default());
//! let Ok(Some(Message::Text(text))) = server.decode(&mut wire) else { unreachable!() };
//! assert_eq!(text.as_str(), "hello");
//! ```

pub mod openai;
pub mod private;
pub mod twilio;
pub mod websocket;
