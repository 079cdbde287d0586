//! A connection that sends exactly the given bytes, at any speed, and reads what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::until::DEADLINE;

/// A connection.
pub(crate) struct Raw(TcpStream);

impl Raw {
    /// Opens a connection.
    ///
    /// # Panics
    /// If nothing listens.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(DEADLINE)).and_then(|()| stream.set_write_timeout(Some(DEADLINE))).expect("above zero");
        Raw(stream)
    }

    /// Sends bytes; returns whether the other side still accepted them.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    /// Reads until the other side closes, as far as possible.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // After sending to a closed connection, the last read fails.
        let _ = self.0.read_to_end(&mut rest);
        rest
    }

    /// Returns the status of the answer, once the other side has closed; `None` if it closed without an answer.
    pub(crate) fn refusal(&mut self) -> Option<u16> {
        let answer = String::from_utf8_lossy(&self.rest()).into_owned();
        answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
    }

    /// Returns whether the other side has closed the connection, as far as is known now.
    ///
    /// # Panics
    /// If the system reports no status.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.set_nonblocking(true).expect("a socket");
        let seen = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false).expect("a socket");
        match seen {
            Ok(read) => read == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }
}
