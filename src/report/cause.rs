//! What a finding says in one sentence, how it comes about, and what would have prevented it.

use super::time::grouped;
use crate::check::Code;
use crate::check::Contract;
use crate::check::Example;
use crate::check::Finding;
use crate::check::RecordName;
use crate::check::Report;
use crate::check::Setup;
use crate::check::Verdict;
use std::collections::BTreeMap;

/// A noun and its verb, for one and for many.
type Words = (&'static str, &'static str, &'static str, &'static str);

/// The finding with its numbers: `3 of 200 acknowledged records are gone: app-0/p0#51–53`.
pub(super) fn headline(finding: &Finding, report: &Report) -> String {
    let Some(((one, many, is, are), counter)) = words(finding.code) else {
        let times = if finding.count == 1 { String::new() } else { format!(", {} times", grouped(finding.count)) };
        return format!("{}{times}: {}", capital(finding.code.row().violation), subjects(finding));
    };
    let total = report.counters.get(counter).copied().filter(|total| *total >= finding.count);
    let of = total.map(|total| format!(" of {}", grouped(total))).unwrap_or_default();
    let noun = if total.unwrap_or(finding.count) == 1 { one } else { many };
    let verb = if finding.count == 1 { is } else { are };
    format!("{}{of} {noun} {verb}: {}", grouped(finding.count), subjects(finding))
}

/// How a finding is said with a number before it, and which counter says how many there are in all.
fn words(code: Code) -> Option<(Words, &'static str)> {
    let acknowledged = |is, are| (("acknowledged record", "acknowledged records", is, are), "acknowledged");
    let delivered = |is, are| (("delivered record", "delivered records", is, are), "delivered");
    let records = |is, are| (("record", "records", is, are), "");
    Some(match code {
        Code::Lost => acknowledged("is gone", "are gone"),
        Code::LostUnacked => records("sent with acks=0 is gone", "sent with acks=0 are gone"),
        Code::Dup => acknowledged("is in the log more than once", "are in the log more than once"),
        Code::Reorder => {
            acknowledged("stands behind one that was sent after it", "stand behind ones that were sent after them")
        }
        Code::Unseen => acknowledged("was never delivered", "were never delivered"),
        Code::AckOff => acknowledged("is not at the offset that was given", "are not at the offsets that were given"),
        Code::G1a => delivered("belongs to an aborted transaction", "belong to aborted transactions"),
        Code::Precommit => {
            delivered("came before its transaction was committed", "came before their transactions were committed")
        }
        Code::Phantom => delivered("was never sent", "were never sent"),
        Code::GroupLoss => records(
            "was committed by a group that never processed it",
            "were committed by a group that never processed them",
        ),
        Code::GroupDup => records("was processed twice by a group", "were processed twice by a group"),
        Code::FailVisible => {
            records("is in the log although its send failed", "are in the log although their sends failed")
        }
        Code::Torn => (("transaction", "transactions", "took effect only in part", "took effect only in part"), ""),
        Code::EosDup => (("input", "inputs", "has too many outputs", "have too many outputs"), ""),
        Code::EosLoss => (("committed input", "committed inputs", "lacks outputs", "lack outputs"), ""),
        _ => return None,
    })
}

/// What it is about, runs of records taken together.
fn subjects(finding: &Finding) -> String {
    const SHOWN_MAX: usize = 4;
    let mut runs: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    let mut others: Vec<String> = Vec::new();
    let mut names: Vec<RecordName> = Vec::new();
    for example in &finding.examples {
        match example.subject.parse::<RecordName>() {
            Ok(name) => names.push(name),
            Err(_) => others.push(example.subject.clone()),
        }
    }
    names.sort();
    names.dedup();
    for name in &names {
        let runs = runs.entry(name.producer.clone()).or_default();
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == name.seq => *last = name.seq,
            _ => runs.push((name.seq, name.seq)),
        }
    }
    let runs = runs.into_iter().flat_map(|(producer, runs)| {
        runs.into_iter().map(move |(first, last)| {
            if first == last { format!("{producer}#{first}") } else { format!("{producer}#{first}–{last}") }
        })
    });
    others.dedup();
    let mut all: Vec<String> = runs.chain(others).collect();
    let examples = u64::try_from(finding.examples.len()).unwrap_or(u64::MAX);
    let more = all.len() > SHOWN_MAX || finding.count > examples;
    all.truncate(SHOWN_MAX);
    format!("{}{}", all.join(", "), if more { ", …" } else { "" })
}

/// The sentence with a capital letter, unless it begins with a name.
pub(super) fn capital(text: &str) -> String {
    const WORDS: &[&str] = &[
        "a",
        "an",
        "and",
        "at",
        "broker",
        "everything",
        "from",
        "it",
        "its",
        "nobody",
        "nothing",
        "no",
        "offset",
        "others",
        "somebody",
        "something",
        "the",
        "two",
    ];
    let first = text.split([' ', ',']).next().unwrap_or_default();
    if !WORDS.contains(&first) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What would have prevented it: a setting or what the catalogue says, and the neighbouring run that passed.
pub(super) fn prevention(finding: &Finding, setup: &Setup, contrast: Option<&str>) -> String {
    let general = in_general(finding, setup);
    match contrast {
        None => general,
        Some(what) if what.starts_with("with") => format!("{general}. It does not happen {what}"),
        Some(what) => format!("{general}. It does not happen with {what}"),
    }
}

fn in_general(finding: &Finding, setup: &Setup) -> String {
    let row = finding.code.row();
    let settings = row.contract.and_then(|contract| contract.promised(setup).err());
    // What one anomaly needs by itself stands at the end of the reason.
    let asked = finding.reason.rsplit_once("needs ").map(|(_, needs)| needs.to_owned());
    let settings = asked.or(settings).filter(|_| finding.verdict != Verdict::Bug);
    match settings {
        Some(settings) => format!("It would not happen with {settings}"),
        // What was promised was also configured: its settings help nobody any further.
        None if finding.verdict == Verdict::Bug && row.contract != Some(Contract::Base) => {
            "This configuration promises that it does not happen: a broker, a client or the application is wrong"
                .to_owned()
        }
        None => match row.remedy.strip_prefix("nothing: ") {
            Some(why) => format!("Nothing in Kafka prevents it: {why}"),
            None => format!("It would not happen with {}", row.remedy),
        },
    }
}

/// How such a thing comes about in general, in two sentences; the steps say how it did here.
pub(super) fn mechanism(code: Code, example: &Example) -> Option<&'static str> {
    let is_there = example.steps.iter().any(|step| step.text.contains("is there, but not committed"));
    Some(match code {
        Code::Lost if is_there => {
            "The record was acknowledged and lies in the log, but the transaction it is in did not end as its producer \
             was told."
        }
        Code::Lost => {
            "An acknowledgement is worth as many copies as there were when it was given. Here the copies that had the \
             record are gone, or had to give way to a log that did not have it."
        }
        Code::LostUnacked => {
            "With acks=0 a producer is told nothing, so it cannot notice that a connection ended with the record in it."
        }
        Code::Dup => {
            "A lost answer looks like a lost request. The producer sends again, and a broker that is not told producer \
             ids and sequence numbers cannot know that it has this batch already."
        }
        Code::Reorder => {
            "Several batches are under way at once. When the first one fails and is sent again, those behind it are \
             already in the log."
        }
        Code::Unseen => {
            "The record is there, and a reader was there long enough to be given it. Stale metadata, a stuck last \
             stable offset or a position that does not advance keep a reader from what is written."
        }
        Code::InconsOff => {
            "An offset that a reader has seen must never hold anything else. That happens when records are shown before \
             they are replicated, and the leader that has them is replaced."
        }
        Code::FailVisible => {
            "An error that leaves the outcome open was taken for a refusal. Whoever acts on that writes the record again."
        }
        Code::G1a => {
            "Records of a transaction lie in the log as soon as they are sent; what keeps them from readers is \
             isolation.level=read_committed and the list of aborted transactions that comes with each fetch."
        }
        Code::Precommit => {
            "A reader of committed data must stop at the last stable offset, which waits for the marker of every open \
             transaction."
        }
        Code::Torn => {
            "A transaction is committed by one decision and one marker per partition. A marker that is lost, or that \
             says something else, leaves the parts with different outcomes."
        }
        Code::CrossTxn => {
            "The end of a transaction was on its way for so long that the next transaction of the same producer had \
             begun. Without an epoch per transaction the coordinator cannot tell them apart."
        }
        Code::GroupLoss | Code::CommitAhead => {
            "A committed offset says that everything before it is done. Where it is committed before the work is, a \
             crash in between makes the next owner start behind records that nobody has processed."
        }
        Code::GroupDup => {
            "Between processing and committing lies a moment in which a crash or a rebalance makes the next owner start \
             before what was done."
        }
        Code::Overlap | Code::ZombieOverlap => {
            "Ownership is handed over through the coordinator. A member that goes on with partitions it was given in an \
             earlier generation works side by side with the new owner."
        }
        Code::CommitRegress => {
            "The last commit that is accepted wins, whatever it says. A late retry, or somebody else with the same \
             group.id, moves the group back."
        }
        Code::ZombieEffect | Code::Fence => {
            "Whoever was replaced must be refused by its generation or epoch. What is accepted from it overwrites the \
             work of its successor."
        }
        Code::EosDup | Code::EosLoss | Code::EosSplit => {
            "Exactly once means that outputs and the offset of their input are committed by the same transaction, by \
             the only owner of the input, and that an abort takes the reader back to the committed offset."
        }
        Code::CommittedTrunc | Code::SilentTrunc | Code::TruncPoint | Code::LogMatch => {
            "A leader that lacks records makes everybody else give them up: followers truncate to where their logs \
             agree by epoch, and readers that do not compare epochs go on as if nothing had happened."
        }
        Code::HwBound | Code::IsrAck => {
            "The high watermark is the promise that the whole ISR has everything below it. Readers and acknowledgements \
             rely on nothing else."
        }
        Code::StartSkip | Code::StartRewind | Code::SpuriousReset => {
            "Where a reader begins is decided by the committed offset, or by auto.offset.reset where there is none that \
             can be used."
        }
        Code::HangTxn | Code::StuckLso => {
            "A transaction that its coordinator has ended can be opened again in a partition by a late record. Nobody \
             will write its marker, and readers of committed data stop before it for ever."
        }
        _ => return None,
    })
}

/// What a verdict means, for those who see it for the first time.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Bug => "promised by the configuration and not kept: a broker, a client or an application is wrong",
        Verdict::Gap => "required by the test, not promised by the configuration",
        Verdict::Expected => "neither required nor promised",
        Verdict::Unknown => "the history does not say enough",
    }
}
