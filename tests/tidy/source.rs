//! A source file as text: its code without comments and literals, its tests, its modules and what it imports.
//!
//! Not here: rules. And no parser: brackets and words are enough for what the rules ask.

use std::ops::Range;
use std::path::Path;

/// One `.rs` file.
pub(crate) struct Source {
    /// From the root of the crate, with `/`.
    pub(crate) path: String,
    /// As it is written.
    pub(crate) text: String,
    /// The same bytes with spaces for comments and for what is inside literals.
    pub(crate) code: String,
    tests: Vec<Range<usize>>,
    modules: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let attributes = ["#[cfg(test)]", "#[cfg(all(test,"];
        let tests = attributes.iter().flat_map(|attribute| find_word(&code, attribute));
        let mut tests: Vec<_> = tests.map(|at| at..end_of_item(&code, at)).collect();
        if code.contains("#![cfg(test)]") || path.ends_with("/tests.rs") {
            tests.push(0..code.len());
        }
        let modules = find_word(&code, "mod")
            .filter(|&at| is_inline_module(&code[at..]))
            .map(|at| at..end_of_item(&code, at))
            .collect();
        Self { path: path.to_owned(), text: text.to_owned(), code, tests, modules }
    }

    /// The folder or file right below `src`, if this is part of one: `broker` for `src/broker/api/fetch.rs`.
    pub(crate) fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src/")?;
        match below.split_once('/') {
            Some((folder, _)) => Some(folder),
            None => below.strip_suffix(".rs").filter(|name| !matches!(*name, "lib" | "main")),
        }
    }

    /// The number of the line that holds the byte at `at`.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    pub(crate) fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// How many modules the byte at `at` is in: 2 at the top level of `src/broker/engine.rs`.
    pub(crate) fn depth(&self, at: usize) -> usize {
        let names = self.path.trim_start_matches("src/").trim_end_matches(".rs").split('/');
        let files = names.filter(|name| !matches!(*name, "mod" | "lib" | "main")).count();
        files + self.modules.iter().filter(|range| range.contains(&at)).count()
    }

    /// Where `word` stands in the code and is no part of a longer word.
    pub(crate) fn find<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        find_word(&self.code, word)
    }

    /// Every path that a `use` names, with its braces taken apart, and where the `use` stands.
    pub(crate) fn uses(&self) -> Vec<(usize, String)> {
        let mut paths = Vec::new();
        for at in self.find("use") {
            let Some(length) = self.code[at..].find(';') else { continue };
            let tree = self.code[at + "use".len()..at + length].trim();
            // `impl Trait + use<'a>` is no import.
            if !tree.starts_with('<') {
                take_apart("", tree, &mut |path| paths.push((at, path)));
            }
        }
        paths
    }

    /// The bodies of the macros that the file defines.
    pub(crate) fn macro_definitions(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.find("macro_rules!").map(|at| at..end_of_item(&self.code, at))
    }

    /// The lines of `//!` at the top, without the marks.
    pub(crate) fn header(&self) -> Vec<&str> {
        self.text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect()
    }
}

/// Every `.rs` file under `folder`, in the order of their paths.
pub(crate) fn read_all(root: &Path, folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                sources.push(Source::new(&path, &std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    mark_tests(&mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Makes tests of the files that a `#[cfg(test)] mod name;` in another file declares.
pub(crate) fn mark_tests(sources: &mut [Source]) {
    let mut paths = Vec::new();
    for source in sources.iter() {
        let stem = source.path.trim_end_matches(".rs");
        let folder = stem.strip_suffix("/mod").or_else(|| stem.strip_suffix("/lib")).unwrap_or(stem);
        for range in &source.tests {
            let item = source.code[range.clone()].trim_end();
            let name = item.strip_suffix(';').and_then(|item| item.rsplit_once("mod ")).map(|(_, name)| name.trim());
            paths.extend(name.map(|name| format!("{folder}/{name}")));
        }
    }
    for source in sources {
        let is_test =
            |path: &String| source.path == format!("{path}.rs") || source.path.starts_with(&format!("{path}/"));
        if paths.iter().any(is_test) {
            source.tests.push(0..source.code.len());
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn find_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let (bytes, wanted) = (code.as_bytes(), word.as_bytes());
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let end = at + wanted.len();
        let joined_before = at > 0 && is_word(wanted[0]) && is_word(bytes[at - 1]);
        let joined_after = end < bytes.len() && is_word(wanted[wanted.len() - 1]) && is_word(bytes[end]);
        !joined_before && !joined_after
    })
}

/// Whether the code starts with `mod name {`.
fn is_inline_module(code: &str) -> bool {
    let after = code["mod".len()..].trim_start();
    after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').trim_start().starts_with('{')
}

/// Where the item that starts at `at` ends: after its `;`, or after the brace that closes its first one.
fn end_of_item(code: &str, at: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.as_bytes()[at..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + offset + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// `a::{b, c::{d, e as f}}` as `a::b`, `a::c::d` and `a::c::e`.
fn take_apart(prefix: &str, tree: &str, found: &mut impl FnMut(String)) {
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return found(format!("{prefix}{}", path.split_whitespace().collect::<String>()));
    };
    let prefix = format!("{prefix}{}", tree[..open].split_whitespace().collect::<String>());
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut start) = (0_usize, 0);
    for (at, byte) in inner.bytes().chain([b',']).enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    take_apart(&prefix, inner[start..at].trim(), found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Puts spaces in the place of comments and of what is between the quotes of literals; every line stays where it is.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let within_word = at > 0 && is_word(bytes[at - 1]);
        let (kept, length) = match rest {
            [b'/', b'/', ..] => (0, rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())),
            [b'/', b'*', ..] => (0, block_comment(rest)),
            [b'"', ..] => (1, quoted(rest)),
            [b'r', b'"' | b'#', ..] if !within_word => match raw_string(rest) {
                Some(length) => (2, length),
                None => (0, 0),
            },
            [b'b', b'r', b'"' | b'#', ..] if !within_word => match raw_string(&rest[1..]) {
                Some(length) => (3, length + 1),
                None => (0, 0),
            },
            [b'\'', b'\\', ..] => (1, 3 + rest[3..].iter().position(|&b| b == b'\'').unwrap_or(0) + 1),
            [b'\'', first, ..] => (1, char_literal(rest, *first)),
            _ => (0, 0),
        };
        let end = (at + length).min(bytes.len());
        let last = if kept > 0 { end.saturating_sub(1) } else { end };
        for byte in &mut code[(at + kept).min(last)..last] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at += length.max(1);
    }
    String::from_utf8(code).expect("identifiers are ASCII, and the rest was blanked")
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of `r"…"` or `r#"…"#`; none if it is a raw identifier.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let body = 2 + hashes;
    let is_end =
        |at: &usize| rest[*at] == b'"' && rest[at + 1..].iter().take(hashes).filter(|&&b| b == b'#').count() == hashes;
    let end = (body..rest.len()).find(is_end)?;
    Some(end + 1 + hashes)
}

/// The length of `'x'`; 0 if it is a lifetime.
fn char_literal(rest: &[u8], first: u8) -> usize {
    let width = match first {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    if rest.get(1 + width) == Some(&b'\'') { 2 + width } else { 0 }
}
