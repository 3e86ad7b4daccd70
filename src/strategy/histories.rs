//! Histories in which nothing is wrong, to be damaged in a way that one knows.

use crate::base::Instant;
use crate::check::Event;
use crate::check::RecordName;
use crate::check::event;
use crate::check::event::Answer;
use crate::check::event::Delivered;
use crate::check::event::End;
use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prop_oneof;
use proptest::strategy::Strategy;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// The partitions that there are.
const PARTITIONS: [&str; 2] = ["orders-0", "orders-1"];

/// One thing that a client does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send { producer: u8, partition: usize, fate: Fate },
    Poll { consumer: u8, partition: usize, most: usize },
}

/// What becomes of a send.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Acknowledged,
    Refused,
    /// It is in the log, and its producer does not know.
    AnswerLost,
    /// It is not in the log, and its producer does not know.
    Lost,
}

/// Histories of so many operations of two producers and two readers on two partitions, and of the logs at the end. Sends
/// are acknowledged, refused, or of unknown fate; what is in a log is read in order, without gaps. The checker has
/// nothing to say against any of them.
///
/// Shrinks to few operations, all of them acknowledged sends.
/// ```
/// use proptest::prelude::*;
/// use rehearsal::check::event::Answer;
/// use rehearsal::check::{Code, Event, History};
/// use rehearsal::strategy;
///
/// let is_acknowledged = |event: &Event| matches!(event, Event::Send(send) if
///     send.end.as_ref().is_some_and(|end| end.result == Answer::Ok));
/// proptest!(|(mut events in strategy::histories(1..20))| {
///     prop_assert!(History::from_events(events.clone()).unwrap().check().codes().is_empty());
///
///     // If all that was read and kept is somebody else's, whatever was acknowledged is lost.
///     events.retain(|event| !matches!(event, Event::Poll(_)));
///     for event in &mut events {
///         if let Event::Log(log) = event {
///             log.ids = vec![None];
///         }
///     }
///     let codes = History::from_events(events.clone()).unwrap().check().codes().to_vec();
///     prop_assert_eq!(codes.contains(&Code::Lost), events.iter().any(is_acknowledged));
/// });
/// ```
pub fn histories(operations: Range<usize>) -> impl Strategy<Value = Vec<Event>> {
    let fate = prop_oneof![
        6 => Just(Fate::Acknowledged),
        1 => Just(Fate::Refused),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::Lost),
    ];
    let send = (0..2_u8, 0..PARTITIONS.len(), fate);
    let send = send.prop_map(|(producer, partition, fate)| Step::Send { producer, partition, fate });
    let poll = (0..2_u8, 0..PARTITIONS.len(), 1..5_usize);
    let poll = poll.prop_map(|(consumer, partition, most)| Step::Poll { consumer, partition, most });
    vec(prop_oneof![2 => send, 1 => poll], operations).prop_map(|steps| told(&steps))
}

/// The steps as they are seen from outside, and the logs that they lead to.
fn told(steps: &[Step]) -> Vec<Event> {
    let mut logs: [Vec<RecordName>; PARTITIONS.len()] = Default::default();
    // Of each producer: the number of its life, and of the next send in it.
    let mut lives = BTreeMap::<u8, (u64, u64)>::new();
    let mut positions = BTreeMap::<(u8, usize), usize>::new();
    let mut events = Vec::new();
    let mut ms = 0;
    let mut now = || {
        ms += 1;
        Instant::after_start(Duration::from_millis(ms))
    };
    for step in steps {
        let t = now();
        match *step {
            Step::Send { producer, partition, fate } => {
                let (life, seq) = lives.entry(producer).or_default();
                let id = RecordName::new(format!("p{producer}.{life}"), *seq);
                // Who does not know what became of a send does nothing more.
                (*life, *seq) = match fate {
                    Fate::Acknowledged | Fate::Refused => (*life, *seq + 1),
                    Fate::AnswerLost | Fate::Lost => (*life + 1, 0),
                };
                let log = &mut logs[partition];
                let offset = i64::try_from(log.len()).unwrap_or(i64::MAX);
                if matches!(fate, Fate::Acknowledged | Fate::AnswerLost) {
                    log.push(id.clone());
                }
                let (result, offset, error) = match fate {
                    Fate::Acknowledged => (Answer::Ok, Some(offset), None),
                    Fate::Refused => (Answer::Fail, None, Some("NOT_ENOUGH_REPLICAS".to_owned())),
                    Fate::AnswerLost | Fate::Lost => (Answer::Info, None, Some("REQUEST_TIMED_OUT".to_owned())),
                };
                events.push(Event::Send(event::Send {
                    t,
                    op: None,
                    process: None,
                    id,
                    to: PARTITIONS[partition].to_owned(),
                    key: None,
                    hash: None,
                    txn: None,
                    source: None,
                    acks0: false,
                    end: Some(End { t: now(), result, error, offset, ..End::default() }),
                }));
            }
            Step::Poll { consumer, partition, most } => {
                let position = positions.entry((consumer, partition)).or_default();
                let rest = logs[partition].iter().zip(0_i64..).skip(*position).take(most);
                let records: Vec<_> = rest.map(|(id, offset)| Delivered::Record(offset, Some(id.clone()))).collect();
                *position += records.len();
                let records = [(PARTITIONS[partition].to_owned(), records)].into();
                events.push(Event::Poll(event::Poll {
                    t,
                    op: None,
                    process: format!("c{consumer}"),
                    group: None,
                    txn: None,
                    isolation: None,
                    end: Some(End { t: now(), result: Answer::Ok, records, ..End::default() }),
                }));
            }
        }
    }
    for (partition, log) in PARTITIONS.iter().zip(logs) {
        events.push(Event::FinalLog(event::FinalLog {
            partition: (*partition).to_owned(),
            broker: None,
            log_start: 0,
            high_watermark: i64::try_from(log.len()).unwrap_or(i64::MAX),
        }));
        events.extend(log.into_iter().zip(0_i64..).map(|(id, offset)| {
            Event::Log(event::Log {
                partition: (*partition).to_owned(),
                broker: None,
                offset,
                offsets: Vec::new(),
                epoch: 0,
                pid: None,
                pepoch: None,
                seq: None,
                transactional: false,
                marker: None,
                ids: vec![Some(id)],
                digest: None,
            })
        }));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Code;
    use crate::check::History;
    use proptest::test_runner::TestError;
    use proptest::test_runner::TestRunner;

    #[test]
    fn a_history_that_fails_a_test_shrinks_to_the_operations_that_it_takes() {
        let found = TestRunner::deterministic().run(&histories(0..40), |mut events| {
            // Every log loses its third entry.
            events.retain(|event| !matches!(event, Event::Log(log) if log.offset == 2));
            let report = History::from_events(events).map(|history| history.check());
            proptest::prop_assert!(!report.is_ok_and(|report| report.codes().contains(&Code::Lost)));
            Ok(())
        });
        let Err(TestError::Fail(_, events)) = found else { panic!("{found:?}") };
        // What makes no history would have failed otherwise than by a loss.
        let whole = History::from_events(events.clone()).unwrap().check();
        assert!(whole.codes().is_empty(), "{whole}");
        let sends = events.iter().filter(|event| matches!(event, Event::Send(_))).count();
        let polls = events.iter().filter(|event| matches!(event, Event::Poll(_))).count();
        assert_eq!((sends, polls), (3, 0), "{events:?}");
    }
}
