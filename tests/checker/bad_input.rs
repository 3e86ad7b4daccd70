//! What is no history gets an error with its line, and never a verdict.

use rehearsal::check::History;
use rehearsal::check::Mistake;

const SEND: &str = r#"{"event":"send","t":1,"op":1,"id":"p#0","to":"o-0"}"#;
const DONE: &str = r#"{"event":"done","op":1,"end":{"t":2,"result":"ok","offset":0}}"#;

fn with(lines: &[&str]) -> String {
    let count = lines.len();
    format!("{}\n{{\"event\":\"finish\",\"lines\":{count}}}\n", lines.join("\n"))
}

/// These lines fail at this line, with these words.
fn check(lines: &[&str], line: u64, words: &str) {
    let error = History::from_json_lines(&with(lines)).map(|history| history.check().to_string()).unwrap_err();
    assert_eq!(error.line, line, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn a_good_history_is_read() {
    assert!(History::from_json_lines(&with(&[SEND, DONE])).is_ok());
    assert!(History::from_json_lines("{\"event\":\"finish\",\"lines\":0}\n").unwrap().is_empty());
}

#[test]
fn a_line_must_have_its_shape() {
    check(&[r#"{"event":"send","t":1,"id":"p#0","to":"o-0","color":"red"}"#], 1, "unknown field `color`");
    check(&[SEND, r#"{"event":"prayer","t":1}"#], 2, "unknown variant `prayer`");
    check(&[r#"{"event":"send","id":"p#0","to":"o-0"}"#], 1, "missing field `t`");
    check(&[r#"{"event":"send","t":-1,"id":"p#0","to":"o-0"}"#], 1, "-1");
    check(&[r#"{"event":"send","t":1,"id":"p","to":"o-0"}"#], 1, "write producer#number");
    check(&[r#"{"event":"send","t":1,"id":"p#281474976710656","to":"o-0"}"#], 1, "write producer#number");
    check(&[SEND, ""], 2, "EOF");
    check(&["[]"], 1, "");
    check(&[r#"{"event":"setup","ackz":1}"#], 1, "unknown field `ackz`");
    check(&[SEND, r#"{"event":"setup"}"#], 2, "first line");
    check(&[r#"{"event":"seek","t":1,"process":"c","partition":"o-0","offset":3,"why":1}"#], 1, "unknown field `why`");
}

#[test]
fn an_operation_begins_once_and_ends_once_after_that() {
    check(&[SEND, DONE, DONE], 3, "operation 1 is not pending");
    check(&[DONE], 1, "operation 1 is not pending");
    check(&[SEND, SEND], 2, "began twice");
    check(&[SEND, r#"{"event":"done","op":1,"end":{"t":0,"result":"ok"}}"#], 2, "earlier");
    check(&[r#"{"event":"send","t":5,"id":"p#0","to":"o-0","end":{"t":4,"result":"ok"}}"#], 1, "before it began");
    check(&[r#"{"event":"send","t":5,"op":1,"id":"p#0","to":"o-0","end":{"t":6,"result":"ok"}}"#], 1, "end elsewhere");
    check(&[SEND, r#"{"event":"done","op":1,"end":{"t":2,"result":"ok","offsets":{"o-0":1}}}"#], 2, "`offsets`");
    check(
        &[SEND, r#"{"event":"done","op":1,"end":{"t":2,"result":"ok","records":{"o-0":[[0,null]]}}}"#],
        2,
        "`records`",
    );
    check(&[r#"{"event":"poll","t":1,"process":"c","end":{"t":2,"result":"ok","offset":1}}"#], 1, "`offset`");
}

#[test]
fn a_process_does_nothing_after_it_lost_track() {
    let unknown = r#"{"event":"done","op":1,"end":{"t":2,"result":"info"}}"#;
    check(&[SEND, unknown, r#"{"event":"send","t":3,"id":"p#1","to":"o-0"}"#], 3, "process `p` goes on");
    let crash = r#"{"event":"crashed","t":2,"process":"c"}"#;
    check(&[crash, r#"{"event":"poll","t":3,"process":"c"}"#], 2, "process `c` goes on");
}

#[test]
fn what_decreases_is_refused() {
    check(&[SEND, r#"{"event":"healed","t":0}"#], 2, "time");
    check(&[SEND, DONE, r#"{"event":"send","t":3,"id":"p#0","to":"o-0","key":"k"}"#], 3, "differs");
    check(
        &[r#"{"event":"send","t":1,"id":"p#1","to":"o-0"}"#, r#"{"event":"send","t":2,"id":"p#0","to":"o-0"}"#],
        2,
        "`p#0` was sent after a later number",
    );
    let log = r#"{"event":"final_log","partition":"o-0","high_watermark":9}"#;
    let offsets = r#"{"event":"log","partition":"o-0","offset":3,"offsets":[3,2],"ids":[null,null]}"#;
    check(&[log, offsets], 2, "increase");
    check(&[log, r#"{"event":"log","partition":"o-0","offset":-3,"ids":[null]}"#], 2, "increase");
    check(&[log, r#"{"event":"log","partition":"o-0","offset":9223372036854775807,"ids":[null,null]}"#], 2, "increase");
    check(&[r#"{"event":"send","t":1,"id":"p#0","to":"o-0","end":{"t":2,"result":"ok","offset":-2}}"#], 1, "negative");
    check(&[r#"{"event":"commit","t":1,"process":"c","group":"g","offsets":{"o-0":-1}}"#], 1, "negative");
    check(
        &[r#"{"event":"poll","t":1,"process":"c","end":{"t":2,"result":"ok","records":{"o-0":[[-1,null]]}}}"#],
        1,
        "negative",
    );
}

#[test]
fn a_log_is_announced_once_and_holds_batches() {
    let log = r#"{"event":"final_log","partition":"o-0","high_watermark":9}"#;
    check(&[log, log], 2, "announced before");
    check(&[r#"{"event":"log","partition":"o-0","offset":0,"ids":[null]}"#], 1, "no `final_log`");
    check(&[log, r#"{"event":"log","partition":"o-0","offset":0}"#], 2, "not nothing");
    check(&[log, r#"{"event":"log","partition":"o-0","offset":0,"ids":[null],"marker":"commit"}"#], 2, "not both");
    check(&[log, r#"{"event":"log","partition":"o-0","offset":0,"offsets":[0],"ids":[null,null]}"#], 2, "one offset");
}

#[test]
fn a_file_that_was_cut_is_no_history_wherever_the_cut_is() {
    let whole = with(&[SEND, DONE]);
    for length in 0..whole.len() - 1 {
        let error = History::from_json_lines(&whole[..length]).unwrap_err();
        // A line that lacks only its line break is whole; the next one is missing then.
        let cut_line = whole[..length].lines().last().is_some_and(|line| !whole.lines().any(|whole| whole == line));
        let line = u64::try_from(whole[..length].lines().count()).unwrap() + u64::from(!cut_line);
        assert_eq!((error.line, &error.mistake), (line, &Mistake::Cut), "cut after {length} bytes: {error}");
    }
    let error = History::from_json_lines(&whole.replace("\"lines\":2", "\"lines\":3")).unwrap_err();
    assert_eq!((error.line, error.mistake), (3, Mistake::Cut));
    let error = History::from_json_lines(&format!("{whole}{SEND}\n")).unwrap_err();
    assert_eq!((error.line, error.mistake), (4, Mistake::AfterFinish));
    let error = History::read_json_lines(&b"\xff\n"[..]).unwrap_err();
    assert!(error.to_string().contains("line 1: cannot be read"), "{error}");
}

#[test]
fn the_greatest_and_least_numbers_do_no_harm() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/histories");
    let mut checked = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let bytes = text.as_bytes();
        // Every number that stands alone, one after the other.
        let starts =
            (1..bytes.len()).filter(|at| bytes[*at].is_ascii_digit() && matches!(bytes[at - 1], b':' | b'[' | b','));
        for start in starts {
            let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            for extreme in
                ["9223372036854775807", "9223372036854775806", "-9223372036854775808", "18446744073709551615", "0"]
            {
                let changed = format!("{}{extreme}{}", &text[..start], &text[start + length..]);
                if let Ok(history) = History::from_json_lines(&changed) {
                    let _ = history.check().to_string();
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 1_000, "{checked}");
}
