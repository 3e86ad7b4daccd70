//! What cannot have happened.

use std::fmt;

/// Why something is no history, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryError {
    /// The line of the file, or the number of the event, from 1.
    pub line: u64,
    /// What is wrong there.
    pub mistake: Mistake,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// It is not JSON of the right shape; in serde's words.
    Syntax(String),
    /// It is not UTF-8, or could not be read.
    Unreadable(String),
    /// The last line is no `finish`, or does not fit: the file was cut.
    Cut,
    /// Something follows the `finish` line.
    AfterFinish,
    /// A `setup` that is not the first line.
    LateSetup,
    /// Time goes backwards.
    TimeDecreases,
    /// An operation ended before it began.
    EndsBeforeItBegan,
    /// Operations are numbered in increasing order.
    OpNotIncreasing(u64),
    /// No operation of this number is pending: it ended twice, or never began.
    NotPending(u64),
    /// The operation has a number, which is for an end in another line, and an end.
    EndedTwice(u64),
    /// The process does nothing after an `info`, or after it crashed.
    Retired(String),
    /// A producer's numbers follow the program's order.
    OutOfProgramOrder(String),
    /// Another attempt at a send, but to another producer's key, transaction or source.
    ResendDiffers(String),
    /// Offsets within a batch increase, and are not negative.
    OffsetsDecrease,
    /// An acknowledged, committed or delivered offset is negative, or has none after it.
    NegativeOffset(i64),
    /// The end has a part that is not for this kind of operation.
    ForeignEnd(&'static str),
    /// A batch whose log was not announced by `final_log`.
    UnannouncedLog,
    /// A log was announced twice.
    LogTwice,
    /// A batch is of records or a marker, never both.
    MixedBatch,
    /// The batch has a count of offsets that is not that of its records.
    OffsetsDoNotFit,
    /// It could not be written; in the system's words.
    Unwritable(String),
    /// The history was written as lines while it happened, and is not in memory: read them.
    Written,
    /// The history has more of something than the tables hold.
    TooLarge(&'static str),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(why) => f.write_str(why),
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::Cut => f.write_str(
                "the file was cut: its last line must be {\"event\":\"finish\",\"lines\":<how many lines before it>}",
            ),
            Self::AfterFinish => f.write_str("nothing may follow the `finish` line"),
            Self::LateSetup => f.write_str("`setup` must be the first line"),
            Self::TimeDecreases => f.write_str("the time is earlier than that of a line before"),
            Self::EndsBeforeItBegan => f.write_str("the operation ended before it began"),
            Self::OpNotIncreasing(op) => {
                write!(f, "operation {op} began twice, or operations are not numbered in order")
            }
            Self::NotPending(op) => write!(f, "operation {op} is not pending: it ended twice, or never began"),
            Self::EndedTwice(op) => write!(f, "operation {op} has its end here and a number for an end elsewhere"),
            Self::Retired(process) => write!(
                f,
                "process `{process}` goes on after an `info` or a crash; what comes after needs a new incarnation"
            ),
            Self::OutOfProgramOrder(id) => write!(f, "`{id}` was sent after a later number of its producer"),
            Self::ResendDiffers(id) => write!(f, "another attempt at `{id}` differs in key, hash or source"),
            Self::OffsetsDecrease => f.write_str("offsets within a batch must increase from 0 up"),
            Self::NegativeOffset(offset) => write!(f, "offset {offset} is negative, or the last there is"),
            Self::ForeignEnd(part) => write!(f, "`{part}` does not belong to the end of this operation"),
            Self::UnannouncedLog => f.write_str("no `final_log` line announced this log"),
            Self::LogTwice => f.write_str("this log was announced before"),
            Self::MixedBatch => f.write_str("a batch holds records or one marker, not both, and not nothing"),
            Self::OffsetsDoNotFit => f.write_str("there must be one offset for each record"),
            Self::Unwritable(why) => write!(f, "cannot be written: {why}"),
            Self::Written => f.write_str("the history was written as lines while it happened; it is read from there"),
            Self::TooLarge(what) => write!(f, "there are too many {what}"),
        }
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.mistake)
    }
}

impl std::error::Error for HistoryError {}
