//! An HTTP client that sends exactly the given bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::until::DEADLINE;

/// A response.
#[derive(Debug)]
pub(crate) struct Answer<Body = String> {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

impl<Body> Answer<Body> {
    /// Returns a header's value by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// Sends a request without a body, with only these headers and `Connection`.
///
/// # Panics
/// If there is no answer, or it is not HTTP.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    exchange(address, method, path, headers, &[])
}

/// Like `request`, with a body; the caller sets `Content-Length`.
///
/// # Panics
/// If there is no answer, or it is not HTTP or not text.
pub(crate) fn exchange(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let Answer { status, headers, body } = exchange_bytes(address, method, path, headers, body);
    Answer { status, headers, body: String::from_utf8(body).expect("the answer is text") }
}

/// Like the above, for an answer of any bytes.
///
/// # Panics
/// If there is no answer, or it is not HTTP.
pub(crate) fn exchange_bytes(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer<Vec<u8>> {
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{}\r\n", headers.concat());
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time-out above zero");
    stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(body)).expect("the request is taken");
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = stream.read_line(&mut head).expect("the head is text");
        assert!(read > 0, "a head ends in an empty line: {head}");
    }
    let mut lines = head.trim_end().lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let mut answer =
        Answer { status: status.expect("a status line"), headers: lines.filter_map(header).collect(), body: Vec::new() };
    // Some servers keep a connection open despite `Connection: close`, and answers to HEAD have a length but no body.
    let length = answer.header("content-length").and_then(|length| length.parse().ok()).filter(|_| method != "HEAD");
    let body = stream.take(length.unwrap_or(u64::MAX)).read_to_end(&mut answer.body);
    assert!(body.is_ok_and(|read| length.is_none_or(|length| read as u64 == length)), "the answer is complete");
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = joined(&answer.body);
    }
    answer
}

/// Decodes a chunked body.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|pair| pair == b"\r\n").expect("a line with a length");
        let length = std::str::from_utf8(&chunks[..end]).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let (length, rest) = (length.expect("a length"), &chunks[end + 2..]);
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[..length]);
        chunks = &rest[length + 2..];
    }
}

/// Sends a GET request with the address as the host name.
///
/// # Panics
/// See [`request`].
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, &[("Host", &address.to_string())])
}
