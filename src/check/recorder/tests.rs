//! What a recorder writes, on every tape.

use super::*;
use crate::check::Reader;
use crate::check::code::Code;
use std::io::Write;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

fn clock() -> impl Fn() -> Instant + std::marker::Send + Sync {
    let ticks = AtomicU64::new(0);
    move || Instant::START.plus(std::time::Duration::from_nanos(ticks.fetch_add(1, Ordering::Relaxed)))
}

fn recorder() -> Recorder {
    Recorder::new(Setup::default(), clock())
}

#[test]
fn a_dropped_guard_says_that_nobody_knows_and_retires_its_process() {
    let recorder = recorder();
    let process = recorder.process("app");
    drop(process.send("orders-0"));
    assert_eq!(process.incarnation(), "app.1");
    process.send("orders-0").acknowledged(Some(0));
    let history = recorder.history().unwrap();
    let lines = history.to_json_lines();
    assert!(
        lines.contains(r#""id":"app.0#0","to":"orders-0","end":{"t":1,"result":"info","error":"abandoned"}"#),
        "{lines}"
    );
    assert!(lines.contains(r#""id":"app.1#0""#), "{lines}");
}

#[test]
fn sends_in_flight_beside_an_unknown_one_may_end() {
    let recorder = recorder();
    let process = recorder.process("app");
    let (first, second) = (process.send("orders-0"), process.send("orders-0"));
    first.unknown("REQUEST_TIMED_OUT");
    second.acknowledged(Some(0));
    assert!(recorder.history().is_ok());
}

#[test]
fn records_of_one_partition_stand_together_however_they_came() {
    let check = |order: &[(&'static str, i64)]| {
        let recorder = recorder();
        let foreign = order.iter().map(|(partition, offset)| (*partition, *offset, None));
        recorder.process("reader").poll(None).delivered(foreign);
        let lines = recorder.history().unwrap().to_json_lines();
        assert!(lines.contains(r#""records":{"a-0":[[4,null],[5,null]],"b-0":[[1,null],[2,null]]}"#), "{lines}");
    };
    check(&[("a-0", 4), ("a-0", 5), ("b-0", 1), ("b-0", 2)]);
    check(&[("a-0", 4), ("b-0", 1), ("a-0", 5), ("b-0", 2)]);
}

#[test]
fn a_mark_that_cannot_be_is_told_with_its_number() {
    let recorder = recorder();
    recorder.process("app").send("orders-0").acknowledged(Some(0));
    recorder.mark(|_| Event::Setup(Box::default()));
    recorder.process("app").send("orders-0").acknowledged(Some(1));
    assert_eq!(recorder.history().unwrap_err().line, 3);
}

#[test]
fn what_was_recorded_can_be_checked() {
    let recorder = recorder();
    let process = recorder.process("app");
    let send = process.send("orders-0");
    let id = send.id().cloned();
    send.acknowledged(Some(0));
    let reader = recorder.process("reader");
    reader.poll(None).delivered([("orders-0", 0, id.clone())]);
    reader.poll(None).delivered([("orders-0", 0, id)]);
    assert_eq!(recorder.history().unwrap().check().codes(), [Code::NonmonoPoll]);
}

/// A file that others can look into, and that may be full.
#[derive(Clone, Default)]
struct File {
    bytes: Arc<Mutex<Vec<u8>>>,
    is_full: Arc<std::sync::atomic::AtomicBool>,
}

impl File {
    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A bit of everything.
fn act(recorder: &Recorder) {
    let producer = recorder.process("app");
    let first = producer.send("orders-0");
    let id = first.id().cloned();
    let second = producer.send_with("orders-1", |send| send.key = Some("käse".to_owned()));
    second.acknowledged(Some(0));
    first.acknowledged(Some(0));
    producer.send("orders-0").failed("MESSAGE_TOO_LARGE");
    producer.send("orders-0").unknown("REQUEST_TIMED_OUT");
    let reader = recorder.process("reader");
    reader.assigned(Some("g"), Some(1), [("orders-0", Some(0))]);
    reader.sought("orders-0", 0);
    let poll = reader.poll(Some("g"));
    producer.end_txn("t", true).ok();
    poll.delivered([("orders-0", 0, id.clone()), ("orders-0", 1, None)]);
    reader.processed("g", id.unwrap());
    reader.commit("g", [("orders-0", 2)], None).ok();
    reader.released(Some("g"), ["orders-0"]);
    let doubtful = recorder.begin(|t| Event::Send(Send::new(t, RecordName::new("client.0/p0", 0), "orders-0")));
    recorder.end(doubtful, |t| {
        let end = End { t, result: Answer::Info, ..End::default() };
        Done { process: Some("client.0/p0?1".to_owned()), ..Done::of(end) }
    });
    let unasked = recorder.begin(|t| Event::Send(Send::new(t, RecordName::new("client.0/p0", 1), "orders-0")));
    recorder.end(unasked, |t| Done { acks0: true, ..Done::of(End { t, result: Answer::Ok, ..End::default() }) });
    recorder.delivered("client.0/c0", None, "orders-0", Delivered::Hashed(0, None, 7));
    reader.crashed();
    assert_eq!(reader.incarnation(), "reader.1");
}

#[test]
fn what_is_written_as_it_goes_is_the_same_history() {
    let (tables, file) = (recorder(), File::default());
    let lines = Recorder::to_json_lines(Setup::default(), clock(), file.clone());
    let list = Recorder::beside(Setup::default(), clock(), || 0);
    for recorder in [&tables, &lines, &list] {
        act(recorder);
    }
    let expected = tables.history().unwrap();
    assert_eq!(list.history().unwrap().to_json_lines(), expected.to_json_lines());
    assert_eq!(lines.history().unwrap_err().mistake, Mistake::Written);
    lines.finish().unwrap();
    let read = History::read_json_lines(&*file.bytes()).unwrap();
    assert_eq!(read.to_json_lines(), expected.to_json_lines());
    assert_eq!(read.check().counters, expected.check().counters);
}

#[test]
fn a_file_counts_up_to_its_last_whole_line_wherever_its_writer_died() {
    let file = File::default();
    act(&Recorder::to_json_lines(Setup::default(), clock(), file.clone()));
    let bytes = file.bytes();
    for end in 0..=bytes.len() {
        let cut = &bytes[..end];
        let error = Reader::new().read(cut, &mut |_| {}).unwrap_err();
        assert_eq!(error.mistake, Mistake::Cut, "cut after {end} bytes");
        let history = Reader::new().accept_cut().read(cut, &mut |_| {}).unwrap();
        // A last line may lack its line break alone.
        let whole =
            cut.iter().filter(|byte| **byte == b'\n').count() + usize::from(end < bytes.len() && bytes[end] == b'\n');
        let lines = std::str::from_utf8(&bytes).unwrap().lines().take(whole);
        let begun = lines.filter(|line| !line.contains(r#""event":"done""#) && !line.contains(r#""event":"setup""#));
        assert_eq!(history.len(), begun.count(), "cut after {end} bytes");
    }
}

#[test]
fn what_follows_a_cut_or_was_cut_out_is_no_history() {
    let file = File::default();
    let recorder = Recorder::to_json_lines(Setup::default(), clock(), file.clone());
    act(&recorder);
    recorder.finish().unwrap();
    let text = String::from_utf8(file.bytes()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.remove(5);
    let holed = lines.join("\n");
    assert!(Reader::new().accept_cut().read(holed.as_bytes(), &mut |_| {}).is_err());
    let mut reader = Reader::new().accept_cut();
    reader.line(r#"{"event":"hea"#).unwrap();
    assert_eq!(reader.line(r#"{"event":"healed","t":1}"#).unwrap_err().mistake, Mistake::Cut);
}

#[test]
fn a_full_disk_is_told_and_nothing_follows() {
    let file = File::default();
    let recorder = Recorder::to_json_lines(Setup::default(), clock(), file.clone());
    let process = recorder.process("app");
    process.send("orders-0").acknowledged(Some(0));
    let written = file.bytes();
    file.is_full.store(true, Ordering::Relaxed);
    process.send("orders-0").acknowledged(Some(1));
    file.is_full.store(false, Ordering::Relaxed);
    process.send("orders-0").acknowledged(Some(2));
    let error = recorder.finish().unwrap_err();
    assert_eq!((error.line, error.mistake), (3, Mistake::Unwritable("no space left".to_owned())));
    assert_eq!(file.bytes(), written);
}

#[test]
fn nothing_is_written_down_after_the_end() {
    let recorder = recorder();
    let process = recorder.process("app");
    process.send("orders-0").acknowledged(Some(0));
    recorder.finish().unwrap();
    process.send("orders-0").acknowledged(Some(1));
    assert_eq!(recorder.history().unwrap().len(), 1);
}
