//! Histories as JSON lines: one event per line, the last one says how many there were.

use super::History;
use super::HistoryBuilder;
use super::HistoryError;
use super::Mistake;
use crate::check::event::Event;
use crate::check::event::Finish;
use crate::check::setup::Setup;
use std::fmt;
use std::io;
use std::io::BufRead;
use std::io::Write;

/// Reads a history line by line, so that whoever reads a long one can say how far it is.
#[derive(Debug, Default)]
pub struct Reader {
    builder: HistoryBuilder,
    lines: u64,
    finished: bool,
    accepts_cut: bool,
    is_cut: bool,
}

impl Reader {
    /// Starts to read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts that the end is missing, as it is when the process that wrote the file died: what was written counts up to
    /// its last whole line. What had not ended by then has no end, and what was to follow is not missed.
    ///
    /// ```
    /// use rehearsal::check::{Mistake, Reader};
    /// let died = concat!(r#"{"event":"healed","t":1}"#, "\n", r#"{"event":"hea"#);
    /// let error = Reader::new().read(died.as_bytes(), &mut |_| {}).unwrap_err();
    /// assert_eq!((error.line, error.mistake), (2, Mistake::Cut));
    /// assert_eq!(Reader::new().accept_cut().read(died.as_bytes(), &mut |_| {})?.len(), 1);
    /// # Ok::<(), rehearsal::check::HistoryError>(())
    /// ```
    pub const fn accept_cut(mut self) -> Self {
        self.accepts_cut = true;
        self
    }

    /// Reads all there is, and tells how many bytes it has read as it goes. Holds one line at a time.
    ///
    /// # Errors
    /// As [`Reader::line`] and [`Reader::finish`], also when reading fails.
    pub fn read(mut self, mut source: impl BufRead, progress: &mut dyn FnMut(u64)) -> Result<History, HistoryError> {
        let (mut line, mut done) = (Vec::new(), 0);
        loop {
            line.clear();
            let at = self.lines + 1;
            let unreadable = |why: String| HistoryError { line: at, mistake: Mistake::Unreadable(why) };
            let read = source.read_until(b'\n', &mut line).map_err(|error| unreadable(error.to_string()))?;
            if read == 0 {
                return self.finish();
            }
            match std::str::from_utf8(&line) {
                Ok(text) => self.line(text)?,
                // Cut within a letter.
                Err(error) if error.error_len().is_none() => self.cut()?,
                Err(error) => return Err(unreadable(error.to_string())),
            }
            done += read as u64;
            progress(done);
        }
    }

    /// The file ends here.
    fn cut(&mut self) -> Result<(), HistoryError> {
        if !self.accepts_cut {
            return Err(HistoryError { line: self.lines + 1, mistake: Mistake::Cut });
        }
        self.is_cut = true;
        Ok(())
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
        if self.is_cut {
            return Err(wrong(Mistake::Cut));
        }
        let event: Event = match serde_json::from_str(line) {
            Ok(event) => event,
            Err(error) if !line.ends_with('\n') && (error.is_eof() || line.is_empty()) => return self.cut(),
            Err(error) => return Err(wrong(Mistake::Syntax(error.to_string()))),
        };
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
        if !self.finished && !self.accepts_cut {
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
    pub fn read_json_lines(source: impl BufRead) -> Result<Self, HistoryError> {
        Reader::new().read(source, &mut |_| {})
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

/// Writes events as lines while they happen, and keeps none.
pub(crate) struct LineWriter {
    target: Box<dyn Write + Send>,
    /// One line, which is written at once.
    line: Vec<u8>,
    lines: u64,
    operations: u64,
    /// What writing has met: a part of a line may have got out, so nothing may follow.
    failed: Option<Mistake>,
}

impl LineWriter {
    /// Starts with the setup.
    pub(crate) fn new(setup: Setup, target: Box<dyn Write + Send>) -> Self {
        let mut writer = Self { target, line: Vec::new(), lines: 0, operations: 0, failed: None };
        // It is told with whatever is written next.
        let _ = writer.write(&Event::Setup(Box::new(setup)));
        writer
    }

    /// How many lines there are.
    pub(crate) fn count(&self) -> u64 {
        self.lines
    }

    /// Writes that an operation begins, and gives the number that its end goes by.
    pub(crate) fn begin(&mut self, mut event: Event) -> Result<u64, Mistake> {
        let number = self.operations;
        match &mut event {
            Event::Send(line) => line.op = Some(number),
            Event::Poll(line) => line.op = Some(number),
            Event::Commit(line) => line.op = Some(number),
            Event::FetchOffsets(line) => line.op = Some(number),
            Event::EndTxn(line) => line.op = Some(number),
            _ => return Err(Mistake::ForeignEnd("operation")),
        }
        self.operations += 1;
        self.write(&event)?;
        Ok(number)
    }

    /// Writes an event.
    pub(crate) fn write(&mut self, event: &Event) -> Result<(), Mistake> {
        if let Some(mistake) = &self.failed {
            return Err(mistake.clone());
        }
        self.line.clear();
        let written = serde_json::to_writer(&mut self.line, event).map_err(io::Error::from);
        self.line.push(b'\n');
        if let Err(error) = written.and_then(|()| self.target.write_all(&self.line)) {
            return Err(self.failed.insert(Mistake::Unwritable(error.to_string())).clone());
        }
        self.lines += 1;
        Ok(())
    }

    /// Writes the last line.
    pub(crate) fn finish(&mut self) -> Result<(), Mistake> {
        self.write(&Event::Finish(Finish { lines: self.lines }))?;
        self.target.flush().map_err(|error| Mistake::Unwritable(error.to_string()))
    }
}

impl fmt::Debug for LineWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineWriter").field("lines", &self.lines).finish_non_exhaustive()
    }
}
