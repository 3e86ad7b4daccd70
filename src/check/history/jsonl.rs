//! Histories as JSON lines: one event per line, the last one says how many there were.

use super::History;
use super::HistoryBuilder;
use super::HistoryError;
use super::Mistake;
use crate::check::event::Event;
use crate::check::event::Finish;
use std::io;
use std::io::BufRead;
use std::io::Write;

/// Reads a history line by line, so that whoever reads a long one can say how far it is.
#[derive(Debug, Default)]
pub struct Reader {
    builder: HistoryBuilder,
    lines: u64,
    finished: bool,
}

impl Reader {
    /// Starts to read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line, with or without its line break. An empty line is no line of a history.
    ///
    /// # Errors
    /// [`HistoryError`] with the number of this line.
    pub fn line(&mut self, line: &str) -> Result<(), HistoryError> {
        let at = self.lines + 1;
        let wrong = |mistake| HistoryError { line: at, mistake };
        if self.finished {
            return Err(wrong(Mistake::AfterFinish));
        }
        let event: Event = serde_json::from_str(line).map_err(|error| {
            let cut = !line.ends_with('\n') && (error.is_eof() || line.is_empty());
            wrong(if cut { Mistake::Cut } else { Mistake::Syntax(error.to_string()) })
        })?;
        match event {
            Event::Finish(Finish { lines }) if lines == self.lines => self.finished = true,
            Event::Finish(_) => return Err(wrong(Mistake::Cut)),
            event => self.builder.push(event).map_err(|error| wrong(error.mistake))?,
        }
        self.lines = at;
        Ok(())
    }

    /// The history, when its last line has come.
    ///
    /// # Errors
    /// [`Mistake::Cut`] when it has not.
    pub fn finish(self) -> Result<History, HistoryError> {
        if !self.finished {
            return Err(HistoryError { line: self.lines + 1, mistake: Mistake::Cut });
        }
        self.builder.build()
    }
}

impl History {
    /// Reads JSON lines from text.
    ///
    /// # Errors
    /// [`HistoryError`] with the line: unknown fields, operations that end twice or never began, a file that was cut.
    pub fn from_json_lines(text: &str) -> Result<Self, HistoryError> {
        Self::read_json_lines(text.as_bytes())
    }

    /// Reads JSON lines.
    ///
    /// # Errors
    /// [`HistoryError`] with the line, also when reading fails.
    pub fn read_json_lines(mut source: impl BufRead) -> Result<Self, HistoryError> {
        let mut reader = Reader::new();
        let mut line = String::new();
        loop {
            line.clear();
            let read = source.read_line(&mut line).map_err(|error| HistoryError {
                line: reader.lines + 1,
                mistake: Mistake::Unreadable(error.to_string()),
            })?;
            if read == 0 {
                return reader.finish();
            }
            reader.line(&line)?;
        }
    }

    /// Writes JSON lines that read back as the same history.
    ///
    /// # Errors
    /// What writing meets.
    pub fn write_json_lines(&self, mut target: impl Write) -> io::Result<()> {
        let mut lines = 0;
        for event in self.events() {
            serde_json::to_writer(&mut target, &event)?;
            target.write_all(b"\n")?;
            lines += 1;
        }
        serde_json::to_writer(&mut target, &Event::Finish(Finish { lines }))?;
        target.write_all(b"\n")
    }

    /// The history as JSON lines.
    pub fn to_json_lines(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to memory does not fail, and JSON is UTF-8.
        let _ = self.write_json_lines(&mut bytes);
        String::from_utf8(bytes).unwrap_or_default()
    }
}
