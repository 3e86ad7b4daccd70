//! One bad history per rule, as short as it can be: each is found, by its code, and reads back as it was written. With
//! one place put right it is found no more.

use rehearsal::check::CATALOGUE;
use rehearsal::check::Code;
use rehearsal::check::History;
use std::fs;
use std::path::Path;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/histories"))
}

fn fixture(code: Code) -> String {
    let path = folder().join(format!("{}.jsonl", code.name().to_lowercase()));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_rule_has_a_bad_history_and_finds_it() {
    for row in CATALOGUE {
        let history =
            History::from_json_lines(&fixture(row.code)).unwrap_or_else(|error| panic!("{}: {error}", row.name));
        let report = history.check();
        assert!(report.codes().contains(&row.code), "{} was not found, but {:?}\n{report}", row.name, report.codes());
        let finding = report.finding(row.code).unwrap();
        assert!(!finding.examples[0].steps.is_empty(), "{} shows nothing", row.name);
        for step in finding.examples.iter().flat_map(|example| &example.steps) {
            let event = step.event.map(|event| usize::try_from(event).unwrap());
            assert!(event.is_none_or(|event| event < history.len()), "{}: event {event:?}", row.name);
        }
    }
    assert_eq!(fs::read_dir(folder()).unwrap().count(), CATALOGUE.len(), "a file without a rule");
}

#[test]
fn what_was_written_reads_back_the_same() {
    for row in CATALOGUE {
        let history = History::from_json_lines(&fixture(row.code)).unwrap();
        let again = History::from_json_lines(&history.to_json_lines()).unwrap();
        assert_eq!(history, again, "{}", row.name);
        assert_eq!(history.to_json_lines(), again.to_json_lines());
        for number in 0..history.len() {
            let setup = usize::from(history.to_json_lines().starts_with(r#"{"event":"setup""#));
            assert_eq!(history.event(number), history.events().nth(number + setup), "{}", row.name);
        }
    }
}

/// What has to be put right in each bad history: this text is to be that one.
const REMEDIES: &[(Code, &str, &str)] = &[
    (
        Code::Lost,
        r#""high_watermark":0}"#,
        concat!(r#""high_watermark":1}"#, "\n", r#"{"event":"log","partition":"o-0","offset":0,"ids":["p#0"]}"#),
    ),
    (
        Code::LostUnacked,
        r#""high_watermark":0}"#,
        concat!(r#""high_watermark":1}"#, "\n", r#"{"event":"log","partition":"o-0","offset":0,"ids":["p#0"]}"#),
    ),
    (
        Code::Unseen,
        r#"{"event":"healed""#,
        concat!(
            r#"{"event":"poll","t":4,"process":"c","end":{"t":4,"result":"ok","records":{"o-0":[[0,"p#0"]]}}}"#,
            "\n",
            r#"{"event":"healed""#
        ),
    ),
    (Code::Dup, r#"["p#0","p#0"]"#, r#"["p#0",null]"#),
    (Code::Reorder, "p#1", "q#0"),
    (Code::SeqHole, r#""seq":2"#, r#""seq":1"#),
    (Code::SendSkip, r#""id":"q#0","to":"o-0""#, r#""id":"q#0","to":"o-1""#),
    (Code::InconsOff, r#""t":4,"result":"ok","offset":0"#, r#""t":4,"result":"ok","offset":1"#),
    (Code::AckOff, r#"[null,"p#0"]"#, r#"["p#0",null]"#),
    (Code::Phantom, r#"[0,"p#0"]"#, "[0,null]"),
    (Code::FailVisible, r#""result":"fail""#, r#""result":"info""#),
    (Code::NonmonoLog, r#""offset":3"#, r#""offset":1"#),
    (Code::KeyOrder, r#""to":"o-1","key":"k""#, r#""to":"o-1","key":"l""#),
    (Code::PollSkip, "[2,null]", r#"[1,"p#0"]"#),
    (Code::NonmonoPoll, "[[1,null]]", "[[2,null]]"),
    (Code::StartSkip, "[6,null]", r#"[5,"p#0"]"#),
    (Code::StartRewind, "[3,null]", "[5,null]"),
    (Code::UnownedRead, r#"["o-0"]"#, r#"["o-1"]"#),
    (
        Code::SilentTrunc,
        r#"{"event":"poll","t":7,"process":"c","end":{"t":8,"result":"ok","records":{"o-0":[[2"#,
        concat!(
            r#"{"event":"reset","t":6,"process":"c","partition":"o-0","to":1}"#,
            "\n",
            r#"{"event":"poll","t":7,"process":"c","end":{"t":8,"result":"ok","records":{"o-0":[[1"#
        ),
    ),
    (Code::SpuriousReset, r#""position":5"#, r#""position":10"#),
    (Code::StaleRead, r#""records":{}"#, r#""records":{"o-0":[[0,"p#0"]]}"#),
    (
        Code::Overlap,
        r#"{"event":"assigned","t":2"#,
        concat!(
            r#"{"event":"released","t":2,"process":"a","group":"g","partitions":["o-0"]}"#,
            "\n",
            r#"{"event":"assigned","t":2"#
        ),
    ),
    (
        Code::ZombieOverlap,
        r#"{"event":"assigned","t":2"#,
        concat!(
            r#"{"event":"released","t":2,"process":"a","group":"g","partitions":["o-0"]}"#,
            "\n",
            r#"{"event":"assigned","t":2"#
        ),
    ),
    (Code::CommitRegress, r#"{"o-0":3}"#, r#"{"o-0":6}"#),
    (Code::ZombieEffect, r#""value":1"#, r#""value":2"#),
    (Code::CommitUnowned, r#"{"o-1":0}"#, r#"{"o-0":3}"#),
    (Code::CommitLost, r#""o-0":-1"#, r#""o-0":5"#),
    (Code::CommitStale, r#"{"o-0":3}}}"#, r#"{"o-0":5}}}"#),
    (Code::CommitAhead, r#"{"o-0":1}"#, r#"{"o-0":0}"#),
    (Code::GroupLoss, r#"{"o-0":2}"#, r#"{"o-0":1}"#),
    (Code::GroupDup, r#""t":4,"process":"c","group":"g""#, r#""t":4,"process":"c","group":"h""#),
    (Code::HoleOwn, r#"{"o-1":0}"#, r#"{"o-0":0}"#),
    (Code::G0, r#""id":"p#1","to":"a-0""#, r#""id":"p#1","to":"b-0""#),
    (Code::G1a, r#""commit":false"#, r#""commit":true"#),
    (Code::Precommit, r#""isolation":"read_committed""#, r#""isolation":"read_uncommitted""#),
    (Code::Torn, r#""marker":"abort""#, r#""marker":"commit""#),
    (Code::G1cWr, r#"{"a-0":[[0,"p#0"]]}"#, "{}"),
    (Code::G1c, r#"{"a-0":[[1,"q#0"]]}"#, "{}"),
    (Code::CommitLie, r#""marker":"abort""#, r#""marker":"commit""#),
    (Code::CrossTxn, r#""cause":"T1""#, r#""cause":"T2""#),
    (Code::LsoLeak, r#""last":4"#, r#""last":2"#),
    (Code::LsoRegress, r#""offset":3"#, r#""offset":5"#),
    (Code::HangTxn, r#""state":"complete_abort""#, r#""state":"ongoing""#),
    (Code::Fence, r#""pepoch":0,"seq":0"#, r#""pepoch":1,"seq":1"#),
    (
        Code::EosDup,
        r#""to":"out-0","source":{"partition":"in-0","offset":3},"end":{"t":4"#,
        r#""to":"out-0","source":{"partition":"in-0","offset":4},"end":{"t":4"#,
    ),
    (Code::EosLoss, r#"{"in-0":2}"#, r#"{"in-0":1}"#),
    (Code::EosSplit, r#"{"in-0":0}"#, r#"{"in-0":1}"#),
    (Code::TwoLeaders, r#""epoch":4,"offset":1"#, r#""epoch":5,"offset":1"#),
    (Code::EpochOrder, r#""epoch":2"#, r#""epoch":3"#),
    (Code::LogMatch, r#""digest":12"#, r#""digest":11"#),
    (Code::CommittedTrunc, r#""offset":3"#, r#""offset":5"#),
    (Code::IsrAck, r#""acked","t":3,"partition":"o-0","offset":4"#, r#""acked","t":3,"partition":"o-0","offset":3"#),
    (Code::HwBound, r#""offset":5"#, r#""offset":4"#),
    (Code::ListoffRegress, r#""offset":4"#, r#""offset":5"#),
    (Code::TruncPoint, r#""to":3"#, r#""to":5"#),
    (Code::FollowerRead, r#""last":5"#, r#""last":4"#),
    (Code::EarlyDelete, "4500", "4000"),
    (Code::CompactLost, r#""key":"a"}]}"#, r#""key":"a"},{"offset":1,"key":"b"}]}"#),
    (Code::CompactMove, r#""after":[{"offset":1,"key":"a"},"#, r#""after":["#),
    (Code::CompactEarly, r#""now_ms":900"#, r#""now_ms":1000"#),
    (Code::LogstartRegress, r#""offset":4"#, r#""offset":5"#),
    (Code::CommitExpired, r#""commit_removed","t":3"#, r#""commit_removed","t":604800000000003"#),
    (Code::StuckGroup, r#""state":"rebalancing""#, r#""state":"stable""#),
    (Code::StuckProducer, r#""to":"o-0"}"#, r#""to":"o-0","end":{"t":2,"result":"ok","offset":0}}"#),
    (Code::StuckConsumer, r#""process":"c"}"#, r#""process":"c","end":{"t":2,"result":"ok","records":{}}}"#),
    (Code::StuckLso, r#""transactional":true,"#, ""),
    (Code::Leaderless, r#""epoch":4"#, r#""broker":1,"epoch":4"#),
    (Code::Livelock, r#""t":5,"result":"fail""#, r#""t":5,"result":"ok","offset":0"#),
];

/// What a bad history shows beside its rule, because it cannot be shown without.
const BESIDE: &[(Code, &[Code])] = &[
    // Nobody is given a record because its reader stands still.
    (Code::Unseen, &[Code::StuckConsumer]),
    // What its only reader leaves out is lost, as far as anybody can see.
    (Code::PollSkip, &[Code::Lost]),
    (Code::StartSkip, &[Code::Lost]),
    // One commit passes what nobody has processed.
    (Code::GroupLoss, &[Code::CommitAhead]),
    // Writes that interleave are not adjacent.
    (Code::G0, &[Code::SendSkip]),
    // The one is a case of the other.
    (Code::G1cWr, &[Code::G1c]),
    // What was said to be committed is not there.
    (Code::CommitLie, &[Code::Lost]),
    // An input without outputs below what is committed is both.
    (Code::EosLoss, &[Code::EosSplit]),
];

#[test]
fn a_bad_history_shows_its_rule_alone_and_nothing_when_it_is_put_right() {
    let judge = |text: &str| {
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.contains(r#""event":"finish""#)).collect();
        let finish = format!(r#"{{"event":"finish","lines":{}}}"#, lines.len());
        lines.push(&finish);
        let text = lines.join("\n") + "\n";
        History::from_json_lines(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).check()
    };
    let mut wrong = String::new();
    for row in CATALOGUE {
        let Some((_, from, to)) = REMEDIES.iter().find(|(code, ..)| *code == row.code) else {
            panic!("nobody says what would put {} right", row.name);
        };
        let bad = fixture(row.code);
        assert!(bad.contains(from), "{}: no {from} in\n{bad}", row.name);
        let beside = BESIDE.iter().find(|(code, _)| *code == row.code).map_or(&[][..], |(_, beside)| beside);
        let report = judge(&bad);
        let others: Vec<Code> = report.codes().iter().copied().filter(|code| *code != row.code).collect();
        if others != beside {
            wrong += &format!("{} comes with {others:?} and not with {beside:?}\n", row.name);
        }
        let right = judge(&bad.replace(from, to));
        if !right.codes().is_empty() {
            wrong += &format!("{}, put right:\n{right}\n", row.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(REMEDIES.len(), CATALOGUE.len(), "a rule has two");
}
