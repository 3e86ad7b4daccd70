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

#[test]
fn a_doubled_record_is_shown() {
    let run = doubled();
    keep("dup", &run);
    assert_eq!(run.report().codes(), [Code::Dup]);
    insta::assert_snapshot!("dup", run.document().text());
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    assert!(doubled().html() == doubled().html());
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
