//! Transactions: what their clients were told.

use super::nanos;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::history::History;

/// A transaction attempt.
#[derive(Debug, Default)]
pub(crate) struct Txn {
    /// Its sends, by row.
    pub(crate) sends: Vec<u32>,
    /// What its client asked for, in order.
    pub(crate) ends: Vec<TxnEnd>,
    /// Whether some record of it was delivered to a reader of committed data: then it was committed.
    pub(crate) delivered_committed: bool,
}

/// One `EndTxn`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TxnEnd {
    pub(crate) event: u32,
    pub(crate) commit: bool,
    pub(crate) invoked: u64,
    pub(crate) completed: u64,
    /// None while it is pending.
    pub(crate) answer: Option<Answer>,
}

/// What the client may believe of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientOutcome {
    Committed,
    /// An abort was accepted, or the commit was certainly refused.
    Aborted,
    Unknown,
}

impl Txn {
    pub(crate) fn client_outcome(&self) -> ClientOutcome {
        let is = |commit, answer| self.ends.iter().any(|end| end.commit == commit && end.answer == Some(answer));
        let commits = || self.ends.iter().filter(|end| end.commit);
        if is(true, Answer::Ok) {
            ClientOutcome::Committed
        } else if is(false, Answer::Ok) && commits().all(|end| end.answer == Some(Answer::Fail))
            || commits().next().is_some() && commits().all(|end| end.answer == Some(Answer::Fail))
        {
            ClientOutcome::Aborted
        } else {
            ClientOutcome::Unknown
        }
    }

    /// Whether all of it must be there.
    pub(crate) fn must(&self) -> bool {
        self.delivered_committed || self.client_outcome() == ClientOutcome::Committed
    }

    /// When a commit was asked for first.
    pub(crate) fn commit_invoked(&self) -> Option<u64> {
        self.ends.iter().filter(|end| end.commit).map(|end| end.invoked).min()
    }
}

pub(super) fn of(history: &History) -> Vec<Txn> {
    let mut txns: Vec<Txn> = std::iter::repeat_with(Txn::default).take(history.txns.len()).collect();
    if !history.send_txns.is_empty() {
        for send in 0..u32::try_from(history.sends.len()).unwrap_or(u32::MAX) {
            if let Some(txn) = history.send_txn(send) {
                txns[txn as usize].sends.push(send);
            }
        }
    }
    for (event, line) in &history.others {
        let Event::EndTxn(line) = line else { continue };
        let Some(txn) = history.txns.find(&line.txn) else { continue };
        let ends = &mut txns[txn as usize].ends;
        // Nearly always one, of millions of transactions.
        ends.reserve_exact(1);
        ends.push(TxnEnd {
            event: *event,
            commit: line.commit,
            invoked: nanos(line.t),
            completed: line.end.as_ref().map_or(u64::MAX, |end| nanos(end.t)),
            answer: line.end.as_ref().map(|end| end.result),
        });
    }
    txns
}
