//! `rotewatch top`: shows the runs of a daemon live in a terminal.
//!
//! ```text
//! daemon --events, runs, epochs--> follow (thread) --Update--.
//! keyboard, resizes ------------> terminal (thread) --Input--+--> the command's loop -> View -> screen
//! SIGINT, SIGTERM --------------------------------------------'
//! ```
//!
//! It reads the same HTTP routes as the live page and changes nothing. It can show a daemon on another machine through a tunnel. The
//! loop waits for the next update or input and draws once after each; it does not draw otherwise.
//!
//! Deliberately absent: stopping a run (use the live page, which asks for the token), and mouse input. Only this module uses ratatui.

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
