//! Reports: the same bytes for the same run, complete, self-contained, and within their bounds.
//!
//! Not here: how they look; somebody has to look. `REPORTS=target/reports cargo test --test report` writes them.

use rehearsal::check::{Code, Contract, History, Setup};
use rehearsal::client::ProducerRecord;
use rehearsal::report::Document;
use rehearsal::sim::{Run, Simulation};
use rehearsal::{ApiKey, Fault};
use std::fs;
use std::path::Path;

/// The answer to the tenth Produce is lost, and nothing tells the broker that it has this batch already.
fn doubled() -> Run {
    let simulation = Simulation::new(3).brokers(3).topic("orders", 1).app(|node| async move {
        let producer = node.client().producer().enable_idempotence(false).build();
        for n in 0..20_u32 {
            producer.send(ProducerRecord::new("orders").value(n.to_string())).await?;
        }
        Ok(())
    });
    let simulation = simulation.nemesis(|system| async move {
        system.cluster().inject(Fault::on(ApiKey::Produce).nth(10).after_applied().close())?.keep();
        Ok(())
    });
    let mut setup = Setup { min_insync_replicas: 2, ..Default::default() };
    setup.idempotence = false;
    setup.intent = vec![Contract::NoDup, Contract::Base];
    simulation.setup(setup).run().unwrap()
}

/// Writes what somebody wants to look at.
fn keep(name: &str, run: &Run) {
    if let Some(dir) = std::env::var_os("REPORTS") {
        run.write_report(Path::new(&dir).join(name)).unwrap();
    }
}

/// What was once recorded of such a run: it stays as it is, whatever becomes of the simulator.
fn recorded() -> History {
    History::from_json_lines(include_str!("../fixtures/reports/dup.jsonl")).unwrap()
}

#[test]
fn a_recorded_run_gives_known_reports() {
    let history = recorded();
    let report = history.check();
    let document = Document::new(&history, &report).title("the order service").fact("seed", "0x3");
    insta::assert_snapshot!("dup", document.text());
    insta::assert_snapshot!("dup_outline", outline(&document.html()));
    insta::assert_snapshot!("dup_mermaid", document.mermaid());
}

#[test]
fn a_run_writes_all_that_belongs_to_its_report() {
    let run = doubled();
    assert_eq!(run.report().codes(), [Code::Dup]);
    let folder = tempfile::tempdir().unwrap();
    let page = run.write_report(folder.path().join("a/b")).unwrap();
    let read = |name: &str| fs::read_to_string(page.with_file_name(name)).unwrap();
    assert!(read("report.html").contains("<a href=\"history.jsonl\">history</a>"));
    assert!(read("report.txt").contains("in the log more than once: app-0/p0#9"));
    assert!(read("report.mmd").starts_with("sequenceDiagram\n"));
    assert_eq!(&History::from_json_lines(&read("history.jsonl")).unwrap(), run.history());
    keep("dup", &run);
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let (one, other) = (doubled(), doubled());
    assert!(one.html() == other.html() && one.document().text() == other.document().text());
}

/// What a page consists of, without what is inside: parts, lanes, steps and marks.
fn outline(html: &str) -> String {
    let mut lines = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap_or((tag, ""));
        let wanted = [
            "section",
            "h1",
            "h2",
            "h3",
            "a class=\"mark",
            "li class=\"",
            "g class=\"band",
            "path class=\"arrow",
            "th scope=\"row\"",
            "title",
        ];
        if wanted.iter().any(|wanted| tag.starts_with(wanted)) {
            let tag = tag.split(" marker-end").next().unwrap_or(tag);
            lines.push(format!("<{tag}> {}", text.trim()).trim_end().to_owned());
        }
    }
    lines.join("\n")
}

#[test]
fn a_page_asks_for_nothing_from_anywhere() {
    let html = doubled().html();
    assert!(html.contains("default-src 'none'"));
    for word in ["http://", "https://", "url(\"", "@import", "fetch(", "XMLHttpRequest", "<link", "<img"] {
        assert!(!html.contains(word), "{word}");
    }
}

/// Whoever records a history chooses the names in it.
#[test]
fn names_from_outside_stay_names() {
    let evil = r#"</script><script>alert(1)</script><!--" onload='x'"#;
    let name = serde_json::to_string(evil).unwrap();
    let name = &name[1..name.len() - 1];
    let end = r#"{"t":2,"result":"ok","offset":0}"#;
    let text = [
        format!(r#"{{"event":"send","t":1,"process":"{name}","id":"{name}#0","to":"{name}-0","end":{end}}}"#),
        format!(r#"{{"event":"fault","t":2,"kind":"other","note":"{name}"}}"#),
        format!(r#"{{"event":"final_log","partition":"{name}-0","high_watermark":0}}"#),
        r#"{"event":"finish","lines":3}"#.to_owned(),
    ];
    let history = History::from_json_lines(&(text.join("\n") + "\n")).unwrap();
    let report = history.check();
    let document = Document::new(&history, &report).title(evil).fact(evil, evil).replay(evil).note(evil).plan([evil]);
    let html = document.file(evil, evil).contrast(evil).html();
    assert_eq!(report.codes(), [Code::Lost]);
    assert_eq!(html.matches("<script").count(), 2, "the data, and the page's own script");
    let (before, data) = html.split_once("id=\"data\">").unwrap();
    assert!(!before.contains("<script>alert") && !before.contains("' onload=") && !before.contains("\" onload="));
    let (data, _) = data.split_once("</script>").unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(data).is_ok() && !data.contains('<'), "{data}");
}

#[test]
fn a_page_of_a_large_history_stays_below_two_megabytes() {
    let mut lines = Vec::new();
    for n in 0..25_000_u64 {
        let (t, id) = (n * 1_000_000, format!("the-producer-of-orders-{}#{}", n % 7, n / 7));
        let end = format!(r#"{{"t":{},"result":"ok","offset":{n}}}"#, t + 1);
        lines.push(format!(r#"{{"event":"send","t":{t},"id":"{id}","to":"orders-0","end":{end}}}"#));
    }
    lines.push(r#"{"event":"final_log","partition":"orders-0","high_watermark":0}"#.to_owned());
    lines.push(format!(r#"{{"event":"finish","lines":{}}}"#, lines.len()));
    let history = History::from_json_lines(&(lines.join("\n") + "\n")).unwrap();
    let report = history.check();
    let html = Document::new(&history, &report).html();
    assert!(html.len() < 2_000_000, "{}", html.len());
    assert!(html.contains(" of 25,001 events are in this page"));
}

#[test]
fn every_rule_has_a_report_of_its_bad_history() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/histories"));
    for row in rehearsal::check::CATALOGUE {
        let name = row.name.to_lowercase();
        let text = fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
        let history = History::from_json_lines(&text).unwrap();
        let report = history.check();
        let document = Document::new(&history, &report).title(format!("The bad history of {}", row.name));
        let (html, text) = (document.html(), document.text());
        assert!(text.contains(row.name), "{text}");
        assert!(html.len() < 200_000, "{name}: {}", html.len());
        if let Some(dir) = std::env::var_os("REPORTS") {
            let dir = Path::new(&dir).join("rules");
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(format!("{name}.html")), html).unwrap();
            fs::write(dir.join(format!("{name}.txt")), text).unwrap();
        }
    }
}
