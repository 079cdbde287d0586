//! The runs of a daemon, live at a terminal.
//!
//! ```text
//! daemon --events, runs, epochs--> follow (thread) --Update--.
//! keyboard, resizes ------------> terminal (thread) --Input--+--> the command's loop -> View -> screen
//! SIGINT, SIGTERM --------------------------------------------'
//! ```
//!
//! It reads over HTTP what every page reads and changes nothing; it may look at a daemon on another machine through a tunnel. The loop
//! waits for whatever comes first and draws once after each; nothing is drawn while nothing happens.
//!
//! Deliberately absent: stopping a run (the page asks for the token), and anything that only a mouse could do. The only user of ratatui.

mod client;
mod follow;
mod screen;
mod terminal;
mod view;

pub use client::{Client, ClientError};
pub use follow::{Update, follow};
pub use screen::draw;
pub use terminal::{Input, Terminal, inputs};
pub use view::{Link, View};
