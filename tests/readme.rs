//! What the README shows is what there is: its example runs, and its table is the one that requests are dispatched by.
//!
//! Not here: prose. `UPDATE_README=1 cargo test --test readme` writes the parts that are derived.

use rehearsal::ApiKey;
use rehearsal::broker::Release;
use rehearsal::broker::support;
use std::fmt::Write as _;
use std::path::Path;

/// Compares what stands between `<!-- name: begin …` and `<!-- name: end -->`, or writes it when asked to.
fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let begin = readme.find(&format!("<!-- {name}: begin")).expect("the README has the mark");
    let from = begin + readme[begin..].find("-->\n").unwrap() + "-->\n".len();
    let to = from + readme[from..].find(&format!("<!-- {name}: end -->")).unwrap();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(path, format!("{}{expected}{}", &readme[..from], &readme[to..])).unwrap();
    } else {
        assert!(readme[from..to] == *expected, "stale; run UPDATE_README=1 cargo test --test readme");
    }
}

#[test]
fn the_support_table_is_that_of_the_handlers() {
    let newest: Release = Release::names().last().unwrap().parse().unwrap();
    let mut table = format!("\n| Key | API | Versions | {newest} |\n|--:|---|---|---|\n");
    for row in support() {
        let theirs = newest.versions(row.api).map_or_else(|| "none".to_owned(), |versions| versions.to_string());
        writeln!(table, "| {} | {} | {} | {theirs} |", row.api as i16, row.api.name(), row.versions).unwrap();
    }
    let missing: Vec<_> = ApiKey::ALL.iter().filter(|api| support().iter().all(|row| row.api != **api)).collect();
    let missing: Vec<_> = missing.iter().map(|api| api.name()).collect();
    writeln!(table, "\nNot served yet: {}.\n", missing.join(", ")).unwrap();
    check("support", &table);
}

#[test]
fn the_rust_version_is_that_of_the_manifest() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(
        readme.contains(concat!("Needs Rust ", env!("CARGO_PKG_RUST_VERSION"), " or newer")),
        "the README says otherwise"
    );
}
