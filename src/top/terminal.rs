//! Takes over the terminal, and restores it however the program ends.

use std::io;
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::{DefaultTerminal, Frame};

/// Number of key presses that are buffered.
const KEYS_AHEAD: usize = 16;

/// The terminal in full-screen mode. It is restored when this is dropped, and before a panic message is printed.
#[derive(Debug)]
pub struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes over the terminal on stdout.
    ///
    /// # Errors
    /// The error of the system.
    pub fn open() -> io::Result<Self> {
        ratatui::try_init().map(Terminal).inspect_err(|_| ratatui::restore())
    }

    /// Draws a screen in the current size of the terminal.
    ///
    /// # Errors
    /// The error of the system.
    pub fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(picture).map(|_| ())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // After a panic the terminal is already restored. Doing it again would move the cursor to before the panic message.
        if !thread::panicking() {
            ratatui::restore();
        }
    }
}

/// Input from the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Select the run above.
    RunBefore,
    /// Select the run below.
    RunAfter,
    /// Select the previous layer.
    LayerBefore,
    /// Select the next layer.
    LayerAfter,
    /// The window was resized.
    Resized,
    /// Quit.
    Quit,
}

/// Returns the input from now on, until the terminal is closed. The reading thread ends with the process, since a read cannot be
/// cancelled.
///
/// # Errors
/// The error of the system.
pub fn inputs() -> io::Result<Receiver<Input>> {
    let (sender, inputs) = bounded(KEYS_AHEAD);
    thread::Builder::new().name("rotewatch-keys".into()).spawn(move || {
        while let Ok(event) = event::read() {
            if input(&event).is_some_and(|input| sender.send(input).is_err()) {
                return;
            }
        }
    })?;
    Ok(inputs)
}

fn input(event: &Event) -> Option<Input> {
    match event {
        Event::Resize(..) => Some(Input::Resized),
        Event::Key(KeyEvent { code, modifiers, kind, .. }) if *kind != KeyEventKind::Release => match code {
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Some(Input::Quit),
            KeyCode::Char('q') | KeyCode::Esc => Some(Input::Quit),
            KeyCode::Up | KeyCode::Char('k') => Some(Input::RunBefore),
            KeyCode::Down | KeyCode::Char('j') => Some(Input::RunAfter),
            KeyCode::Left | KeyCode::Char('h') => Some(Input::LayerBefore),
            KeyCode::Right | KeyCode::Char('l') => Some(Input::LayerAfter),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_and_letters_move_and_control_c_ends() {
        let key = |code, modifiers| input(&Event::Key(KeyEvent::new(code, modifiers)));
        let table = [
            (KeyCode::Up, KeyModifiers::NONE, Some(Input::RunBefore)),
            (KeyCode::Char('j'), KeyModifiers::NONE, Some(Input::RunAfter)),
            (KeyCode::Char('h'), KeyModifiers::NONE, Some(Input::LayerBefore)),
            (KeyCode::Right, KeyModifiers::NONE, Some(Input::LayerAfter)),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Input::Quit)),
            (KeyCode::Char('c'), KeyModifiers::NONE, None),
            (KeyCode::Esc, KeyModifiers::NONE, Some(Input::Quit)),
        ];
        for (code, modifiers, expected) in table {
            assert_eq!(key(code, modifiers), expected, "{code:?}");
        }
        assert_eq!(input(&Event::Resize(80, 24)), Some(Input::Resized));
        let released = KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE) };
        assert_eq!(input(&Event::Key(released)), None);
    }
}
