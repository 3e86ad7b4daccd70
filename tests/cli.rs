//! The program from outside: what it prints, and how it ends.
//!
//! Not here: clusters; the library's own tests have them. Needs the feature `cli`.

use serde_json::Value;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearsal"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// A program that serves; it is killed with the test.
struct Serving {
    child: Child,
    ready: Value,
}

impl Serving {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut why = String::new();
            child.stderr.as_mut().unwrap().read_to_string(&mut why).unwrap();
            panic!("{arguments:?} did not start: {why}");
        }
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }

    fn bootstrap_servers(&self) -> &str {
        self.ready["bootstrap_servers"].as_str().unwrap()
    }

    /// Sends a signal and waits for the end.
    fn end(mut self, signal: &str) -> bool {
        let killed = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(arguments: &[&str], code: i32, words: &str) {
    let Output { status, stdout, stderr } = program(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    assert!(stdout.is_empty());
}

#[test]
fn the_first_line_says_where_the_cluster_is_and_what_is_in_it() {
    let serving = Serving::start(&[
        "serve",
        "--port",
        "0",
        "--json",
        "--brokers",
        "3",
        "--rack",
        "a",
        "--rack",
        "b",
        "--topic",
        "shipments:2:1",
        "--seed-file",
        "fixtures/orders.jsonl",
        "--broker-config",
        "num.partitions=6",
        "--kafka-version",
        "2.8",
    ]);
    let ready = &serving.ready;
    assert_eq!(serving.bootstrap_servers().split(',').count(), 3);
    let first = &ready["brokers"][0];
    assert!(serving.bootstrap_servers().starts_with(&format!("127.0.0.1:{},", first["port"])));
    assert_eq!((&first["id"], &first["rack"]), (&1.into(), &"a".into()));
    assert_eq!(ready["brokers"][2]["rack"], "a");
    assert_eq!(ready["topics"][0]["name"], "orders");
    assert_eq!((&ready["topics"][0]["partitions"], &ready["topics"][0]["records"]), (&6.into(), &60.into()));
    assert_eq!(
        (&ready["topics"][1]["name"], &ready["topics"][1]["replication_factor"]),
        (&"shipments".into(), &1.into())
    );
    assert_eq!((&ready["kafka_version"], &ready["pid"]), (&"2.8".into(), &serving.child.id().into()));
}

#[test]
#[cfg(unix)]
fn a_signal_ends_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let serving = Serving::start(&["serve", "--port", "0", "--json"]);
        assert!(serving.end(signal), "{signal}");
    }
}

#[test]
#[cfg(unix)]
fn a_cluster_goes_on_where_it_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cluster.json");
    let file = file.to_str().unwrap();
    let seed = ["serve", "--port", "0", "--json", "--seed-file", "fixtures/orders.jsonl", "--save-on-exit", file];
    assert!(Serving::start(&seed).end("-TERM"));
    let serving = Serving::start(&["serve", "--port", "0", "--json", "--restore", file]);
    assert_eq!(serving.ready["topics"][0]["records"], 60);
}

#[test]
fn what_cannot_be_is_refused_with_a_sentence_that_helps() {
    let taken = Serving::start(&["serve", "--port", "0", "--json"]);
    let port = taken.bootstrap_servers().rsplit_once(':').unwrap().1;
    failed(&["serve", "--port", port], 1, &format!("cannot listen on 127.0.0.1:{port}"));
    failed(&["serve", "--topic", "orders:six"], 2, "`six` is no number of partitions; write NAME[:PARTITIONS");
    failed(&["serve", "--topic-config", "orders:retention.ms=1"], 1, "add --topic orders:<partitions>");
    failed(&["serve", "--port", "0", "--topic", "a:1:2"], 1, "INVALID_REPLICATION_FACTOR");
    failed(&["serve", "--port", "0", "--seed-file", "fixtures/none.jsonl"], 1, "fixtures/none.jsonl: ");
    failed(&["serve", "--restore", "Cargo.toml"], 1, "cannot restore a cluster from Cargo.toml");
    failed(&["serve", "--kafka-version", "0.7"], 2, "there are 0.11, ");
}

#[test]
fn apis_prints_the_table_of_the_library() {
    let printed = |arguments: &[&str]| String::from_utf8(program(arguments).output().unwrap().stdout).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&printed(&["apis", "--json"])).unwrap();
    let support = rehearsal::broker::support();
    assert!(rows.iter().map(|row| row["key"].as_i64().unwrap()).eq(support.iter().map(|row| row.api as i64)));
    assert_eq!((&rows[0]["api"], &rows[0]["max_version"]), (&"Produce".into(), &13.into()));
    assert!(printed(&["apis"]).contains("Fetch                        4–18\n"));
    assert!(printed(&["apis", "--kafka-version", "1.1"]).contains("Fetch                        4–7\n"));
}

#[test]
fn check_says_what_a_history_breaks_and_ends_with_a_code_that_says_so() {
    let check = |arguments: &[&str], code: i32, words: &[&str]| {
        let Output { status, stdout, stderr } = program(arguments).output().unwrap();
        let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}: {text}");
        for words in words {
            assert!(text.contains(words), "{arguments:?}: {text}");
        }
    };
    let lost = "fixtures/histories/lost.jsonl";
    check(
        &["check", lost],
        1,
        &[
            "GAP S0 LOST: an acknowledged record is gone",
            "DUR is required, and needs min.insync.replicas=2",
            "1. p#0 was sent to o-0 and acknowledged at offset 0 (event 0)",
            r#"event 0: {"event":"send","t":1,"id":"p#0","to":"o-0","#,
        ],
    );
    check(&["check", lost, "--json"], 1, &[r#""outcome": "failed""#, r#""code": "LOST""#, r#""verdict": "GAP""#]);
    check(&["check", "fixtures/histories/lost-unacked.jsonl"], 0, &["EXPECTED S3 LOST-UNACKED", "passed"]);
    check(&["check", "fixtures/orders.jsonl"], 2, &["error: fixtures/orders.jsonl: line 1: "]);
    check(&["check", "fixtures/none.jsonl"], 2, &["error: fixtures/none.jsonl: "]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unknown.jsonl");
    let send = r#"{"event":"send","t":1,"id":"p#0","to":"o-0","end":{"t":2,"result":"ok","offset":0}}"#;
    std::fs::write(&file, format!("{send}\n{{\"event\":\"finish\",\"lines\":1}}\n")).unwrap();
    check(&["check", file.to_str().unwrap()], 3, &["UNKNOWN LOST", "UNDECIDED"]);
    std::fs::write(&file, format!("{send}\n")).unwrap();
    check(&["check", file.to_str().unwrap()], 2, &["line 2: the file was cut"]);
    for (name, begins) in [("a.html", "<!doctype html>"), ("a.txt", "The history "), ("a.mmd", "sequenceDiagram")] {
        let path = folder.path().join(name);
        check(&["check", lost, "--report", path.to_str().unwrap()], 1, &["GAP S0 LOST"]);
        assert!(std::fs::read_to_string(path).unwrap().starts_with(begins), "{name}");
    }
    check(&["check", lost, "--report", "a.pdf"], 2, &["its name must end in .html, .txt or .mmd"]);
}

/// What the program prints, and its code.
fn printed(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = program(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn sim_finds_what_a_plan_breaks_and_replay_shows_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let plan = r#"{"faults": [{"on": {"api": "Produce"}, "nth": 5, "stage": "answer", "action": "close"}]}"#;
    std::fs::write(path("plan.json"), plan).unwrap();
    let (plan, report) = (path("plan.json"), path("report"));
    let found =
        printed(&["sim", "--seed", "0x7", "--set", "idempotence=false", "--faults", &plan, "--report", &report]);
    assert_eq!(found.0, Some(1), "{found:?}");
    assert!(found.1.contains("GAP S1 DUP: one send is in the log twice"), "{}", found.1);
    assert!(found.1.ends_with("found: DUP 1\nseeds: 0x7\n"), "{}", found.1);
    assert!(found.2.starts_with("report: "), "{}", found.2);

    let (run, again) = (path("report/run.json"), path("again"));
    let replayed = printed(&["replay", &run, "--report", &again]);
    assert_eq!(replayed.0, Some(0), "{replayed:?}");
    assert!(replayed.1.ends_with("as expected: GAP DUP\n"), "{}", replayed.1);
    for name in ["report.html", "report.txt", "report.mmd", "history.jsonl", "run.json"] {
        let (one, other) = (path("report/") + name, path("again/") + name);
        assert!(std::fs::read(one).unwrap() == std::fs::read(other).unwrap(), "{name} differs");
    }
    let json: Value = serde_json::from_str(&printed(&["replay", &run, "--json"]).1).unwrap();
    assert_eq!((&json["as_expected"], &json["ok"]), (&true.into(), &false.into()));

    // With what was wrong set right, the same run is not what its file expects.
    let text = std::fs::read_to_string(&run).unwrap().replace(r#""idempotence": false"#, r#""idempotence": true"#);
    std::fs::write(&run, text).unwrap();
    let (code, out, _) = printed(&["replay", &run]);
    assert_eq!(code, Some(1));
    assert!(out.contains("not as expected: expected GAP DUP, and there was nothing wrong"), "{out}");
}

#[test]
fn sim_makes_what_it_finds_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().to_str().unwrap();
    let settings = ["--set", "idempotence=false", "--set", "records=10", "--set", "pause_ms=1000"];
    let arguments = ["sim", "--swarm", "--seeds", "20", "--shrink", "--report", report];
    let (code, out, err) = printed(&[&arguments[..], &settings].concat());
    assert_eq!(code, Some(1), "{err}");
    assert!(out.contains("GAP DUP: from "), "{out}");
    let text = std::fs::read_to_string(folder.path().join("report.txt")).unwrap();
    assert!(text.contains("It would not happen with enable.idempotence=true. It does not happen with"), "{text}");
    assert_eq!(printed(&["replay", folder.path().join("run.json").to_str().unwrap()]).0, Some(0));
    assert!(folder.path().join("original.json").is_file());
}

#[test]
fn sim_says_the_same_however_many_run_at_once() {
    let search = |jobs: &str| {
        let arguments = ["sim", "--swarm", "--set", "acks=1", "--set", "records=20", "--seeds", "6", "-k", "--json"];
        printed(&[&arguments[..], &["--jobs", jobs]].concat())
    };
    let (one, three) = (search("1"), search("3"));
    assert_eq!(one, three);
    let end: Value = serde_json::from_str(one.1.lines().last().unwrap()).unwrap();
    assert_eq!(end["runs"], 6);
    assert_eq!(end["failed"].as_u64().unwrap() > 0, one.0 == Some(1));
    assert!(one.2.is_empty(), "{}", one.2);
}

#[test]
fn sim_and_replay_refuse_what_cannot_be() {
    failed(&["sim", "--workload", "copied"], 2, "there are plain, keyed, ");
    failed(&["sim", "--seed", "seven"], 2, "write a number, for example 24301 or 0x5eed");
    failed(&["sim", "--set", "ack=1"], 2, "error: --set ack: unknown field `ack`");
    failed(&["sim", "--promise", "DUR,ALL"], 2, "there are DUR, NODUP");
    failed(&["sim", "--swarm", "--faults", "plan.json"], 2, "cannot be used with");
    failed(&["sim", "--faults", "fixtures/none.json"], 2, "error: fixtures/none.json: ");
    failed(&["replay", "fixtures/none.json"], 2, "error: fixtures/none.json: ");
    failed(&["replay", "fixtures/orders.jsonl"], 2, "error: fixtures/orders.jsonl: line 1: ");
}
