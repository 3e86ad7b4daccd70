//! The guide's list of rules is written from the catalogue and the bad histories; here it is held to them.

use rehearsal::check::CATALOGUE;
use rehearsal::check::Row;
use rehearsal::check::View;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const MARK: &str = "<!-- From here on written by `UPDATE_GUIDE=1 cargo test --test checker guide`. -->\n";

fn section(row: &Row) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = format!("fixtures/histories/{}.jsonl", row.name.to_lowercase());
    let history = fs::read_to_string(root.join(file)).unwrap();
    let contract = row.contract.map_or_else(|| "legal in Kafka".to_owned(), |contract| format!("breaks {contract}"));
    let view = match row.view {
        View::Both => "operations show it",
        View::White => "only a look into the cluster shows it",
    };
    let mut text = format!("\n### {}\n\n", row.name);
    let violation = row.violation[..1].to_uppercase() + &row.violation[1..];
    writeln!(text, "{violation}. {:?}, {contract}; {view}. What prevents it: {}.\n", row.severity, row.remedy).unwrap();
    let lines: Vec<&str> = history.lines().filter(|line| !line.contains(r#""event":"finish""#)).collect();
    writeln!(text, "```text\n{}\n```", lines.join("\n")).unwrap();
    text
}

#[test]
fn the_guide_has_every_rule_with_its_bad_history() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/invariants.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, _) = text.split_once(MARK).unwrap();
    let expected = format!("{before}{MARK}{}", CATALOGUE.iter().map(section).collect::<String>());
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(text == expected, "run UPDATE_GUIDE=1 cargo test --test checker guide");
}
