//! The shape of the source: what may import what, what nobody writes here, and what every file says about itself.
//!
//! Not here: anything that rustc, rustfmt or clippy sees. A finding names the file and line, the rule and the way out;
//! each rule is also held against a sample that breaks it.

#[path = "tidy/source.rs"]
mod source;

use rehearsal::ApiKey;
use source::Source;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What each module may import besides itself. Changing this table is an architectural act: see DESIGN, "Layers".
const LAYERS: &[(&str, &str)] = &[
    ("base", ""),
    ("wire", "base"),
    ("config", "base"),
    ("check", "base"),
    ("report", "base check"),
    ("security", "base"),
    ("quota", "base"),
    ("net", "base"),
    ("log", "base wire config"),
    ("coordinator", "base wire config"),
    ("metadata", "base config"),
    ("fault", "base wire"),
    ("journal", "base wire"),
    ("broker", "base wire config log metadata coordinator security quota fault journal"),
    ("client", "base wire config net"),
    ("server", "base wire config net fault journal broker"),
    ("recording", "base check client"),
    ("streams", "base config client"),
    ("gateway", "base net server client"),
    ("strategy", "base wire fault check"),
    ("tap", "base wire log journal check broker server"),
    ("sim", "base wire config net log fault journal check report broker client server recording tap"),
    ("control", "base wire net journal server"),
    (
        "cli",
        "base wire config check report net fault journal broker client server streams gateway strategy sim control",
    ),
    // Chapters of prose; their examples are users like any other.
    ("guide", ""),
];

/// The modules that are told everything and ask for nothing: no clock, task, socket, file or unordered collection.
const PURE: &[&str] = &[
    "base",
    "wire",
    "config",
    "check",
    "report",
    "security",
    "quota",
    "log",
    "coordinator",
    "metadata",
    "fault",
    "journal",
    "broker",
    "strategy",
];

/// The only files that may ask what time it is.
const CLOCKS: &[&str] = &["src/server/clock.rs", "src/client/clock.rs"];
const PROGRAM: &[&str] = &["src/main.rs", "src/cli/"];
/// The program, and what a cluster says when its test fails.
const SPEAKERS: &[&str] = &["src/main.rs", "src/cli/", "src/server/epitaph.rs"];
const NOWHERE: &[&str] = &[];

/// What nobody writes here: the words, where they are banned and where they are not, whether tests may use them, and
/// the way out.
const BANS: &[Ban] = &[
    (&["SystemTime::now", "std::time::Instant"], All, CLOCKS, Banned, "take `now: Instant`; only a clock.rs asks"),
    (&["Instant::now"], Pure, NOWHERE, Banned, "take `now: Instant`; pure modules are told the time"),
    (&["Instant::now"], In("server"), CLOCKS, Banned, "ask the cluster's clock, so that virtual time holds"),
    (&["rand::", "thread_rng", "getrandom", "RandomState"], All, NOWHERE, Banned, "draw from a stream of `base::Rng`"),
    (&["HashMap", "HashSet"], Pure, NOWHERE, Banned, "use `BTreeMap` or `IndexMap`; a hash must not decide an order"),
    (&["tokio", ".await"], Pure, NOWHERE, Banned, "pure modules have no task; `server` and `client` drive them"),
    (&["std::net"], Pure, NOWHERE, Banned, "pure modules have no socket; an address is text"),
    (&["std::fs"], Pure, NOWHERE, Allowed, "pure modules have no files; take bytes"),
    (&["std::env"], All, PROGRAM, Allowed, "take it as configuration; only the program reads its environment"),
    (&["std::thread", "spawn_blocking"], All, SPEAKERS, Allowed, "chance schedules threads; use a task"),
    (&["thread_local!", "static mut"], All, NOWHERE, Banned, "clusters live side by side; keep state in a value"),
    (&["println!", "print!", "eprintln!"], All, SPEAKERS, Allowed, "use `tracing`; only the program prints"),
    (&[".unwrap()"], All, NOWHERE, Allowed, "say why it holds with `expect`, or return the error"),
    (&["&& let"], All, NOWHERE, Banned, "let chains need Rust 1.88; nest the `if`s or use `let … else`"),
];

/// How many of these there are outside tests. The numbers may only go down.
const RATCHETS: &[(&str, usize)] = &[("allow(", 12), (".expect(", 120)];

/// More than this is two subjects.
const LINES_MAX: usize = 1000;

use InTests::{Allowed, Banned};
use Scope::{All, In, Pure};

type Ban = (Words, Scope, Except, InTests, WayOut);
type Words = &'static [&'static str];
type Except = &'static [&'static str];
type WayOut = &'static str;

/// Where a ban holds.
#[derive(Clone, Copy)]
enum Scope {
    All,
    Pure,
    In(&'static str),
}

/// Whether a ban holds in tests as well.
#[derive(Clone, Copy, PartialEq)]
enum InTests {
    Allowed,
    Banned,
}

/// What is wrong, where, and what to do.
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

type Findings = Vec<Finding>;

fn report(findings: &mut Findings, source: &Source, at: usize, what: impl Into<String>) {
    findings.push(Finding { path: source.path.clone(), line: source.line(at), what: what.into() });
}

// The rules for one file.

fn imports(source: &Source, findings: &mut Findings) {
    for at in source.find("crate::") {
        let after = source.code[at + "crate::".len()..].trim_start();
        let target: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if after.starts_with('{') {
            report(findings, source, at, "`crate::{`: name one item path per `use`, so that every edge is a line");
        } else if after[target.len()..].starts_with('!') {
            // A macro of one's own, which lives in the root wherever it is written.
        } else if let Some(module) = source.module() {
            let Some(&(_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else { continue };
            if target != module && !allowed.split(' ').any(|name| name == target) {
                let allowed = if allowed.is_empty() { "nothing" } else { allowed };
                let what = format!(
                    "`{module}` imports `crate::{target}`, but may import {allowed}: move the item down, pass a value \
                     in, or argue for a change of LAYERS in tests/tidy.rs"
                );
                report(findings, source, at, what);
            }
        }
    }
    for at in source.find("super::") {
        let before = source.code[..at].trim_end();
        if before.ends_with("super::") {
            continue;
        }
        let supers = source.code[at..].split("::").take_while(|part| part.trim() == "super").count();
        if source.module().is_some() && supers >= source.depth(at) {
            report(findings, source, at, "`super` leaves the module: write the path from `crate::`");
        }
    }
}

fn layers_are_known(source: &Source, findings: &mut Findings) {
    if let Some(module) = source.module() {
        if !LAYERS.iter().any(|(name, _)| *name == module) {
            report(findings, source, 0, format!("`{module}` is not in LAYERS of tests/tidy.rs: give it a row"));
        }
    }
}

fn bans(source: &Source, findings: &mut Findings) {
    for &(words, scope, except, in_tests, way_out) in BANS {
        let holds_here = match scope {
            All => true,
            Pure => source.module().is_some_and(|module| PURE.contains(&module)),
            In(module) => source.module() == Some(module),
        };
        if !holds_here || except.iter().any(|path| source.path.starts_with(path)) {
            continue;
        }
        for word in words {
            let named = source.uses().into_iter().filter(|(_, path)| is_below(path, word)).map(|(at, _)| at);
            let mut places: Vec<usize> = source.find(word).chain(named).collect();
            places.retain(|&at| in_tests == Banned || !source.is_test(at));
            places.sort_unstable();
            places.dedup_by_key(|at| source.line(*at));
            for at in places {
                report(findings, source, at, format!("`{word}`: {way_out}"));
            }
        }
    }
}

/// Whether an imported path is the banned one or something in it.
fn is_below(path: &str, banned: &str) -> bool {
    let banned = banned.trim_end_matches("::");
    path == banned || path.strip_prefix(banned).is_some_and(|rest| rest.starts_with("::"))
}

fn selects(source: &Source, findings: &mut Findings) {
    for at in source.find("select!") {
        let body = source.code[at + "select!".len()..].trim_start();
        let body = body.strip_prefix(['{', '(']).unwrap_or(body).trim_start();
        if !body.starts_with("biased;") {
            report(findings, source, at, "`select!` without `biased;`: its order is drawn from a global generator");
        }
    }
}

fn macros(source: &Source, findings: &mut Findings) {
    for body in source.macro_definitions() {
        for at in source.find("mod").filter(|at| body.contains(at)) {
            report(findings, source, at, "`mod` inside a macro: rustfmt and this test do not see such a module");
        }
    }
}

fn headers(source: &Source, findings: &mut Findings) {
    let header = source.header();
    if header.first().is_none_or(|line| line.len() < 10) {
        report(findings, source, 0, "no `//!` header: say in one sentence what the file is");
    }
    let is_module_page = source.path.ends_with("/mod.rs") && source.path.matches('/').count() == 2;
    if is_module_page && !header.iter().any(|line| line.contains("Not here:")) {
        report(findings, source, 0, "the header says nothing of what is elsewhere: add a sentence \"Not here: …\"");
    }
}

fn handler_headers(source: &Source, findings: &mut Findings) {
    let Some(module) = handler_module(source) else { return };
    let header = source.header();
    let first = header.first().copied().unwrap_or_default();
    let Some(api) = ApiKey::ALL.iter().find(|api| snake_case(api.name()) == module) else {
        return report(findings, source, 0, format!("no API is called `{module}`: name the file after its API"));
    };
    let wanted = format!("`{}` (key {}): ", api.name(), *api as i16);
    if !first.starts_with(&wanted) || first.len() == wanted.len() {
        report(findings, source, 0, format!("the first line must read \"//! {wanted}<what it does>.\""));
    }
    let all = header.join("\n");
    if !all.contains("Errors") && !all.contains("No errors") {
        report(
            findings,
            source,
            0,
            "the header lists no errors: add \"* Errors, in Kafka's order: …\" or \"* No errors.\"",
        );
    }
    if !all.contains("Source: ") {
        report(findings, source, 0, "the header names no source: add \"* Source: <KIP, class or page>.\"");
    }
}

fn length(source: &Source, findings: &mut Findings) {
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        report(findings, source, 0, format!("{lines} lines, limit {LINES_MAX}: split it by subject"));
    }
}

// The rules for all files together.

/// The handlers' table and the files beside it name the same APIs, each once, in the order of the keys.
fn handlers(sources: &[Source], findings: &mut Findings) {
    let Some(table) = sources.iter().find(|source| source.path == HANDLERS) else { return };
    let rows = handler_rows(table);
    let mut last = None;
    for (at, name, module) in &rows {
        let Some(api) = ApiKey::from_name(name) else {
            report(findings, table, *at, format!("no API is called `{name}`"));
            continue;
        };
        if *module != snake_case(name) {
            report(findings, table, *at, format!("the handler of `{name}` belongs in `{}`", snake_case(name)));
        }
        if last.is_some_and(|last| last >= api) {
            report(findings, table, *at, format!("`{name}` is out of order: the table is sorted by key"));
        }
        last = Some(api);
        if !sources.iter().any(|source| handler_module(source) == Some(module)) {
            report(findings, table, *at, format!("`{name}` has no file src/broker/api/{module}.rs"));
        }
    }
    for source in sources {
        let Some(module) = handler_module(source) else { continue };
        if !rows.iter().any(|(_, _, row)| row == module) {
            report(findings, source, 0, "has no row in the handlers' table: nobody can call it");
        }
    }
}

fn ratchets(sources: &[Source], findings: &mut Findings) {
    for &(word, limit) in RATCHETS {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for source in sources {
            let count = source.code.match_indices(word).filter(|(at, _)| !source.is_test(*at)).count();
            if count > 0 {
                places.insert(&source.path, count);
            }
        }
        let count: usize = places.values().sum();
        if count > limit {
            let what = format!("{count} times `{word}`, limit {limit}: do without the new one. They are in {places:?}");
            findings.push(Finding { path: "src".to_owned(), line: 0, what });
        }
    }
}

const HANDLERS: &str = "src/broker/api/mod.rs";

/// `Produce = produce, 0..=13;` as a place and two names.
fn handler_rows(table: &Source) -> Vec<(usize, String, String)> {
    let Some(start) = table.find("handlers!").find(|at| !table.code[..*at].trim_end().ends_with("macro_rules!")) else {
        return Vec::new();
    };
    let Some(open) = table.code[start..].find('{') else { return Vec::new() };
    let body = start + open + 1;
    let length = table.code[body..].find('}').unwrap_or_default();
    let mut rows = Vec::new();
    let mut at = body;
    for row in table.code[body..body + length].split_inclusive(';') {
        if let Some((name, rest)) = row.split_once('=') {
            let module = rest.split([',', ';']).next().unwrap_or_default();
            let indent = row.len() - row.trim_start().len();
            rows.push((at + indent, name.trim().to_owned(), module.trim().to_owned()));
        }
        at += row.len();
    }
    rows
}

/// `fetch` for `src/broker/api/fetch.rs`: the folder holds handlers, their table, and what only tests use.
fn handler_module(source: &Source) -> Option<&str> {
    let name = source.path.strip_prefix("src/broker/api/")?.strip_suffix(".rs")?;
    Some(name).filter(|name| *name != "mod" && !name.contains('/') && !source.is_test(0))
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

const FILE_RULES: &[fn(&Source, &mut Findings)] =
    &[imports, layers_are_known, bans, selects, macros, headers, handler_headers, length];
const CRATE_RULES: &[fn(&[Source], &mut Findings)] = &[handlers, ratchets];

fn check(sources: &[Source]) -> Findings {
    let mut findings = Vec::new();
    for source in sources {
        FILE_RULES.iter().for_each(|rule| rule(source, &mut findings));
    }
    CRATE_RULES.iter().for_each(|rule| rule(sources, &mut findings));
    findings
}

#[test]
fn the_source_is_tidy() {
    let sources = source::read_all(Path::new(env!("CARGO_MANIFEST_DIR")), "src");
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "the source was not found");
    let findings: Vec<String> = check(&sources).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings\n\n{}\n", findings.len(), findings.join("\n"));
}

#[test]
fn the_layers_have_no_cycle() {
    for (at, (module, allowed)) in LAYERS.iter().enumerate() {
        for import in allowed.split_whitespace() {
            let below = LAYERS[..at].iter().any(|(name, _)| *name == import);
            assert!(below, "`{module}` may import `{import}`, which stands below it in the table");
        }
    }
    assert!(PURE.iter().all(|name| LAYERS.iter().any(|(module, _)| module == name)));
}

/// Holds one sample file against all rules and expects exactly these lines and words.
fn refused(path: &str, text: &str, expected: &[(usize, &str)]) {
    let source = Source::new(path, &format!("//! A sample of a file.\n//! Not here: sense.\n{text}"));
    let found: Vec<String> = check(&[source])
        .iter()
        .map(|finding| format!("{}: {}", finding.line.saturating_sub(2), finding.what))
        .collect();
    let as_expected = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, (line, words))| found.starts_with(&format!("{line}: ")) && found.contains(words));
    assert!(as_expected, "{path}\n{text}\nexpected {expected:#?}\nfound {found:#?}");
}

fn accepted(path: &str, text: &str) {
    refused(path, text, &[]);
}

#[test]
fn an_import_against_the_layers_is_refused() {
    refused("src/log/replica.rs", "use crate::broker::Engine;", &[(1, "`log` imports `crate::broker`")]);
    refused("src/base/ids.rs", "type A = crate::wire::ApiKey;", &[(1, "may import nothing")]);
    refused("src/log/a.rs", "#[cfg(test)]\nmod tests {\n    use crate::server::Cluster;\n}", &[(3, "crate::server")]);
    refused("src/log/a.rs", "use crate::ErrorCode;", &[(1, "`crate::ErrorCode`")]);
    refused("src/log/a.rs", "use crate::{base::Offset, wire::ApiKey};", &[(1, "one item path per `use`")]);
    refused("src/log/a.rs", "use super::super::wire::ApiKey;", &[(1, "`super` leaves the module")]);
    refused("src/log/mod.rs", "use super::wire::ApiKey;", &[(1, "`super` leaves the module")]);
    refused("src/misc/mod.rs", "", &[(0, "give it a row")]);
    accepted("src/log/a.rs", "use crate::base::Offset;\nuse super::segment::Segment;\npub(crate) struct A;");
    accepted("src/broker/log/a.rs", "use super::super::state::State;\nuse crate::log::Replica;");
    accepted("src/log/a.rs", "mod tests {\n    use super::super::segment::Segment;\n}");
    accepted("src/log/a.rs", "//! [`crate::server`] uses it.\nconst A: &str = \"crate::server\";");
    accepted("src/log/a.rs", "macro_rules! a { () => { $crate::a!(1) } }");
    accepted("src/lib.rs", "pub use crate::server::Cluster;");
}

#[test]
fn what_nobody_writes_here_is_refused() {
    refused("src/server/a.rs", "fn f() { SystemTime::now(); }", &[(1, "only a clock.rs")]);
    refused("src/server/a.rs", "use std::time::{Duration, Instant};", &[(1, "only a clock.rs")]);
    refused("src/server/a.rs", "fn f() {\n    tokio::time::Instant::now();\n}", &[(2, "cluster's clock")]);
    accepted("src/server/clock.rs", "use std::time::Instant;\nfn f() { Instant::now(); SystemTime::now(); }");
    accepted("src/client/a.rs", "fn f() { tokio::time::Instant::now(); }");
    refused("src/client/a.rs", "fn f() { rand::random() }", &[(1, "stream of `base::Rng`")]);
    accepted("src/client/a.rs", "fn f() { operand::random() }");
    refused("src/log/a.rs", "use std::collections::{BTreeMap, HashMap};", &[(1, "`BTreeMap`")]);
    refused("src/log/a.rs", "use std::collections::HashSet;", &[(1, "`HashSet`")]);
    accepted("src/server/a.rs", "use std::collections::HashMap;");
    refused("src/broker/a.rs", "use tokio::sync::Notify;", &[(1, "no task")]);
    refused("src/broker/a.rs", "async fn f() { g().await }", &[(1, "no task")]);
    refused("src/client/a.rs", "use std::{env, thread};", &[(1, "`std::env`"), (1, "`std::thread`")]);
    accepted("src/cli/a.rs", "fn f() { println!(\"{:?}\", std::env::args()); }");
    refused("src/server/a.rs", "fn f() { println!(\"hi\") }", &[(1, "`tracing`")]);
    refused("src/server/a.rs", "fn f() { a.unwrap() }", &[(1, "`expect`")]);
    accepted("src/server/a.rs", "fn f() { a.unwrap_or(b) }\n#[cfg(test)]\nmod tests {\n    fn f() { a.unwrap() }\n}");
    accepted("src/server/a.rs", "#[cfg(all(test, unix))]\nmod tests {\n    fn f() { a.unwrap() }\n}");
    accepted("src/server/a.rs", "/// ```\n/// a.unwrap();\n/// ```\nfn f() { /* a.unwrap() */ g(\".unwrap()\") }");
    refused("src/server/a.rs", "#[cfg(test)]\nmod tests {}\nfn f() { a.unwrap() }", &[(3, "`expect`")]);
    refused("src/log/a.rs", "fn f() {\n    if a\n        && let Some(b) = c {}\n}", &[(3, "1.88")]);
}

#[test]
fn a_file_that_is_a_test_may_unwrap() {
    let parent =
        Source::new("src/wire/mod.rs", "//! Bytes. Not here: sense.\n#[cfg(test)]\nmod round_trip;\nmod round;");
    let test = Source::new("src/wire/round_trip.rs", "//! A sample of a file.\nfn f() { a.unwrap() }");
    let other = Source::new("src/wire/round.rs", "//! A sample of a file.\nfn f() { a.unwrap() }");
    let mut sources = [parent, test, other];
    source::mark_tests(&mut sources);
    let found: Vec<String> = check(&sources).iter().map(|finding| finding.path.clone()).collect();
    assert_eq!(found, ["src/wire/round.rs"]);
}

#[test]
fn a_select_without_bias_is_refused() {
    refused("src/server/a.rs", "fn f() {\n    tokio::select! {\n        a = b => c,\n    }\n}", &[(2, "`biased;`")]);
    accepted("src/server/a.rs", "fn f() { select! {\n    // in this order\n    biased;\n    a = b => c,\n} }");
}

#[test]
fn a_module_inside_a_macro_is_refused() {
    refused("src/wire/a.rs", "macro_rules! m { ($a:ident) => { pub mod $a; }; }", &[(1, "inside a macro")]);
    accepted("src/wire/a.rs", "macro_rules! m { () => { fn modify() {} }; }\nmod b;");
}

#[test]
fn a_file_that_says_nothing_of_itself_is_refused() {
    let check = |path: &str, text: &str, expected: &str| {
        let findings = check(&[Source::new(path, text)]);
        assert_eq!(findings.len(), 1, "{path}");
        assert!(findings[0].what.contains(expected), "{}", findings[0]);
    };
    check("src/wire/a.rs", "fn f() {}", "no `//!` header");
    check("src/wire/a.rs", "//!\nfn f() {}", "no `//!` header");
    check("src/wire/mod.rs", "//! Kafka's bytes.\nfn f() {}", "Not here:");
    check("src/wire/a.rs", &format!("//! A long file.\n{}", "\n".repeat(LINES_MAX)), "split it");
}

#[test]
fn a_handler_and_its_row_belong_together() {
    let table = "//! The handlers.\nmacro_rules! handlers { () => {} }\nhandlers! {\n    Fetch = fetch, 4..=18;\n    \
                 // Old clients ask for 0.\n    Produce = produce, 0..=13;\n}";
    let handler = |first: &str| format!("//! {first}\n//!\n//! * No errors.\n//! * Source: KIP-1.\n");
    let check = |files: &[(&str, &str)], expected: &[&str]| {
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        let found: Vec<String> = check(&sources).iter().map(ToString::to_string).collect();
        let as_expected =
            found.len() == expected.len() && found.iter().zip(expected).all(|(found, words)| found.contains(words));
        assert!(as_expected, "expected {expected:#?}\nfound {found:#?}");
    };
    let fetch = handler("`Fetch` (key 1): read batches.");
    let produce = handler("`Produce` (key 0): append batches.");
    let good = "//! The handlers.\nhandlers! {\n    Produce = produce, 0..=13;\n    Fetch = fetch, 4..=18;\n}";
    check(&[(HANDLERS, good), (FETCH, &fetch), (PRODUCE, &produce)], &[]);
    check(&[(HANDLERS, table), (FETCH, &fetch), (PRODUCE, &produce)], &["mod.rs:6: `Produce` is out of order"]);
    check(&[(HANDLERS, good), (PRODUCE, &produce)], &["mod.rs:4: `Fetch` has no file"]);
    let misnamed = good.replace("fetch,", "fetching,");
    check(
        &[(HANDLERS, &misnamed), (FETCH, &fetch), (PRODUCE, &produce)],
        &["belongs in `fetch`", "has no file", "has no row"],
    );
    let unknown = good.replace("Fetch =", "Fetsch =");
    check(&[(HANDLERS, &unknown), (FETCH, &fetch), (PRODUCE, &produce)], &["no API is called `Fetsch`"]);
    check(&[(FETCH, &handler("`Fetch` (key 2): read batches."))], &["`Fetch` (key 1): "]);
    check(&[(FETCH, "//! `Fetch` (key 1): read batches.\n//! * Source: KIP-1.")], &["lists no errors"]);
    check(&[(FETCH, "//! `Fetch` (key 1): read batches.\n//! * No errors.")], &["names no source"]);
    check(&[("src/broker/api/fish.rs", &fetch)], &["no API is called `fish`"]);
}

const FETCH: &str = "src/broker/api/fetch.rs";
const PRODUCE: &str = "src/broker/api/produce.rs";

#[test]
fn a_ratchet_does_not_turn_back() {
    let (word, limit) = RATCHETS[0];
    let source = |count: usize| {
        Source::new("src/wire/a.rs", &format!("//! A sample of a file.\n{}", format!("#[{word}x)]\n").repeat(count)))
    };
    assert!(check(&[source(limit)]).is_empty());
    assert!(check(&[source(limit + 1)])[0].to_string().contains("src/wire/a.rs"));
}
