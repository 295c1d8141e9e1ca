//! A `multipart/form-data` body (RFC 7578) of a few fields and one file.

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

/// A body that is being written. The boundary is random, so no sound holds it.
pub(super) struct Form {
    boundary: String,
    body: BytesMut,
}

impl Form {
    pub(super) fn new() -> Self {
        Self {
            boundary: format!("switchboard-{}", Uuid::now_v7().simple()),
            body: BytesMut::new(),
        }
    }

    /// A field with a text.
    pub(super) fn field(&mut self, name: &'static str, value: &str) {
        self.begin(name, None);
        self.part(value.as_bytes());
    }

    /// A file with its name and type.
    pub(super) fn file(
        &mut self,
        name: &'static str,
        file_name: &'static str,
        content_type: &'static str,
        content: &[u8],
    ) {
        self.begin(name, Some((file_name, content_type)));
        self.part(content);
    }

    fn begin(&mut self, name: &str, file: Option<(&str, &str)>) {
        let mut head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{name}\"",
            self.boundary
        );
        if let Some((file_name, content_type)) = file {
            head.push_str(&format!(
                "; filename=\"{file_name}\"\r\nContent-Type: {content_type}"
            ));
        }
        head.push_str("\r\n\r\n");
        self.body.put_slice(head.as_bytes());
    }

    fn part(&mut self, content: &[u8]) {
        self.body.put_slice(content);
        self.body.put_slice(b"\r\n");
    }

    /// The content type and the body.
    pub(super) fn finish(mut self) -> (String, Bytes) {
        let end = format!("--{}--\r\n", self.boundary);
        self.body.put_slice(end.as_bytes());
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        (content_type, self.body.freeze())
    }
}
