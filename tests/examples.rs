//! Every example ends by itself and prints what its header says.
//!
//! Not here: what the examples show; each says so itself.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The examples by name, with their source.
fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut examples: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    examples.sort();
    examples
}

/// What the header says is printed: its first block of text.
fn promised(source: &str) -> String {
    let header = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = header.map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines
        .skip_while(|line| *line != "```text")
        .skip(1)
        .take_while(|line| *line != "```")
        .map(|line| format!("{line}\n"))
        .collect()
}

/// `cargo test` builds the examples next to the tests.
fn executable(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).unwrap().join("examples");
    let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is not built: run `cargo build --examples` first", path.display());
    path
}

/// Whether `line` is `pattern`, in which each `…` stands for any text.
fn fits(line: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('…') else { return line == pattern };
    let Some(line) = line.strip_prefix(first) else { return false };
    line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| fits(&line[at..], rest))
}

#[test]
fn every_example_prints_what_its_header_says() {
    for (name, source) in examples() {
        // What is not built by default is not run by default.
        if source.contains("Needs the feature `toml`") && !cfg!(feature = "toml") {
            continue;
        }
        let output = Command::new(executable(&name)).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} failed\n{printed}\n{complaints}");
        let promised = promised(&source);
        let as_promised = printed.lines().count() == promised.lines().count()
            && printed.lines().zip(promised.lines()).all(|(line, pattern)| fits(line, pattern));
        assert!(as_promised, "{name} printed\n{printed}\nbut its header says\n{promised}");
    }
}

#[test]
fn every_example_asks_a_question() {
    for (name, source) in examples() {
        let question = source.lines().next().unwrap_or_default();
        assert!(question.starts_with("//! ") && question.ends_with('?'), "{name} asks no question: {question}");
        assert!(!promised(&source).is_empty(), "{name} does not say what it prints, in a block ```text");
    }
}

#[test]
fn an_ellipsis_stands_for_any_text() {
    let check = |line, pattern, expected| assert_eq!(fits(line, pattern), expected, "{line} {pattern}");
    check("ready in 3 ms", "ready in … ms", true);
    check("ready in  ms", "ready in … ms", true);
    check("ready in 3 s", "ready in … ms", false);
    check("a b c b", "a … b", true);
    check("a", "a", true);
    check("aa", "a", false);
}
