//! Shows how far a long job is: on the error output, and only where that is a terminal.

use std::io;
use std::io::IsTerminal as _;
use std::time::Duration;
use tokio::time::Instant;

/// How wide a bar is.
const WIDTH: u64 = 24;

/// How often it is drawn again.
const EVERY: Duration = Duration::from_millis(80);

/// A line that is written again and again.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    percent: u64,
    drawn: Option<Instant>,
    length: usize,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { shown: io::stderr().is_terminal(), percent: 0, drawn: None, length: 0 }
    }

    /// Shows a part of a whole, when its percentage is another one.
    pub(super) fn show(&mut self, what: &str, done: u64, of: u64) {
        let Some(percent) = done.saturating_mul(100).checked_div(of).filter(|_| self.shown) else { return };
        if percent != self.percent {
            self.percent = percent;
            self.write(&format!("{what} {percent:>3} %"));
        }
    }

    /// Shows a bar with something to say behind it, not too often.
    pub(super) fn bar(&mut self, done: u64, of: u64, text: &dyn Fn() -> String) {
        let now = Instant::now();
        let is_due = self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= EVERY);
        if self.shown && is_due {
            self.drawn = Some(now);
            self.write(&format!("{} {}", bar(done, of), text()));
        }
    }

    fn write(&mut self, line: &str) {
        let length = line.chars().count();
        let rest = " ".repeat(self.length.saturating_sub(length));
        eprint!("\r{line}{rest}");
        self.length = length;
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.length > 0 {
            eprint!("\r{}\r", " ".repeat(self.length));
            self.length = 0;
        }
    }
}

fn bar(done: u64, of: u64) -> String {
    let full = done.saturating_mul(WIDTH).checked_div(of).unwrap_or(0).min(WIDTH);
    let part = |letter: &str, count: u64| letter.repeat(usize::try_from(count).unwrap_or(0));
    format!("{}{}", part("█", full), part("░", WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_job_is_done() {
        let check = |done, of, expected: usize| assert_eq!(bar(done, of).matches('█').count(), expected);
        check(0, 10, 0);
        check(5, 10, 12);
        check(10, 10, 24);
        check(11, 10, 24);
        check(1, 0, 0);
    }
}
