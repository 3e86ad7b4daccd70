//! The page: one file that needs nothing else. What it says stands in the markup; the script only adds to it.

use super::cause;
use super::describe::Lane;
use super::describe::Sign;
use super::document::Case;
use super::document::Prepared;
use super::embed::embed;
use super::escape::html;
use super::escape::json_in_html;
use super::metrics::Metrics;
use super::metrics::Series;
use super::picture::Mark;
use super::story::Told;
use super::strips::Column;
use super::strips::Strip;
use super::svg;
use super::time::grouped;
use super::time::readable;
use crate::check::Outcome;
use crate::check::Verdict;
use std::collections::BTreeSet;

const STYLE: &str = include_str!("assets/report.css");
const SCRIPT: &str = include_str!("assets/report.js");

/// Nothing is loaded from anywhere.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

pub(super) fn write(prepared: &Prepared<'_>) -> String {
    let mut out = String::with_capacity(256 << 10);
    head(&mut out, prepared);
    verdict_bar(&mut out, prepared);
    out.push_str("<main>\n");
    for (at, case) in prepared.cases.iter().enumerate() {
        write_case(&mut out, case, at + 1);
    }
    others(&mut out, prepared);
    plan(&mut out, prepared);
    configuration(&mut out, prepared);
    metrics(&mut out, prepared);
    events(&mut out, prepared);
    out.push_str("</main>\n");
    out.push_str(&format!(
        "<footer>Written by rehearsal {}. The same run gives the same report, byte for byte.</footer>\n",
        env!("CARGO_PKG_VERSION")
    ));
    out.push_str(&format!("<script>\n{SCRIPT}</script>\n</body>\n</html>\n"));
    out
}

fn outcome_class(prepared: &Prepared<'_>) -> &'static str {
    match prepared.document.report.outcome() {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Undecided => "undecided",
    }
}

fn head(out: &mut String, prepared: &Prepared<'_>) {
    let title = match prepared.cases.first() {
        Some(case) => format!("{}: {}", case.finding.code, case.headline),
        None => "nothing found".to_owned(),
    };
    out.push_str(&format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"{POLICY}\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body class=\"{}\">\n",
        html(&title),
        outcome_class(prepared)
    ));
    out.push_str("<svg width=\"0\" height=\"0\" class=\"defs\" aria-hidden=\"true\"><defs>\n");
    for sign in Sign::ALL {
        out.push_str(&format!("<g id=\"sign-{}\" class=\"sign\">{}</g>\n", svg::class(sign), svg::symbol(sign)));
    }
    for (name, class) in [("cause", "head cause"), ("message", "head message")] {
        out.push_str(&format!(
            "<marker id=\"head-{name}\" viewBox=\"0 0 8 8\" refX=\"5\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"{class}\" d=\"M0 0 8 4 0 8z\"/></marker>\n"
        ));
    }
    out.push_str(
        "<pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect width=\"6\" height=\"6\" class=\"hatch-ground\"/><rect width=\"2.500\" height=\"6\" class=\"hatch-line\"/></pattern>\n\
         <pattern id=\"dots\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><rect width=\"5\" height=\"5\" \
         class=\"hatch-ground\"/><circle cx=\"2.500\" cy=\"2.500\" r=\"1.300\" class=\"hatch-dot\"/></pattern>\n\
         <pattern id=\"idle\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">\
         <rect width=\"1\" height=\"8\" class=\"idle-line\"/></pattern>\n</defs></svg>\n",
    );
}

fn verdict_bar(out: &mut String, prepared: &Prepared<'_>) {
    let document = prepared.document;
    out.push_str("<header>\n<div class=\"bar\">\n");
    out.push_str("<p class=\"what\">");
    match &document.title {
        Some(title) => out.push_str(&html(title)),
        None => out.push_str("Report of a run"),
    }
    out.push_str("</p>\n<button id=\"theme\" type=\"button\" hidden title=\"light or dark\">◐</button>\n</div>\n");
    match prepared.cases.first() {
        Some(case) => {
            let row = case.finding.code.row();
            let contract = row.contract.map(|contract| format!(" · contract {contract}")).unwrap_or_default();
            out.push_str(&format!(
                "<h1><span class=\"code\">{}</span> {}</h1>\n<p class=\"verdict\"><span class=\"pill {}\">{}</span> {}{}</p>\n",
                case.finding.code,
                unbroken(&case.headline),
                verdict_class(case.finding.verdict),
                case.finding.verdict,
                html(&cause::capital(&case.finding.reason)),
                html(&format!(". Severity {:?}{contract}.", case.finding.severity)),
            ));
        }
        None => {
            let (word, text) = match document.report.outcome() {
                Outcome::Passed => ("PASSED", "Nothing that was required is violated, and all of it could be judged."),
                Outcome::Failed => ("FAILED", "The run never reached what it is about, so it proves nothing."),
                Outcome::Undecided => ("UNDECIDED", "Nothing wrong was found, but the history does not say enough."),
            };
            out.push_str(&format!("<h1><span class=\"code\">{word}</span> {text}</h1>\n"));
        }
    }
    for note in &document.notes {
        out.push_str(&format!("<p class=\"note\">{}</p>\n", html(note)));
    }
    out.push_str("<dl class=\"facts\">\n");
    for (name, value) in &document.facts {
        out.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>\n", html(name), html(value)));
    }
    out.push_str(&format!("<div><dt>events</dt><dd>{}</dd></div>\n", grouped(document.history.len() as u64)));
    let view = if document.history.is_white_box() { "clients and cluster" } else { "clients only" };
    out.push_str(&format!("<div><dt>seen from</dt><dd>{view}</dd></div>\n</dl>\n"));
    if let Some(replay) = &document.replay {
        out.push_str(&format!(
            "<p class=\"replay\"><span>Run it again</span><code id=\"replay\">{}</code><button type=\"button\" \
             id=\"copy\" hidden>copy</button></p>\n",
            html(replay)
        ));
    }
    if !document.files.is_empty() {
        let links = document.files.iter().map(|(name, path)| format!("<a href=\"{}\">{}</a>", html(path), html(name)));
        out.push_str(&format!("<p class=\"files\">Beside this page: {}</p>\n", links.collect::<Vec<_>>().join(" · ")));
    }
    out.push_str("</header>\n<nav aria-label=\"Parts of this report\">\n");
    for (at, case) in prepared.cases.iter().enumerate() {
        out.push_str(&format!("<a href=\"#c{n}\">{}</a>\n", case.finding.code, n = at + 1));
    }
    let more = prepared.others().next().is_some()
        || !document.report.undecided.is_empty()
        || !document.report.hidden.is_empty();
    for (id, name, there) in [
        ("others", "Other findings", more),
        ("plan", "Fault plan", !document.plan.is_empty()),
        ("configuration", "Configuration", true),
        ("metrics", "Metrics", true),
        ("timeline", "Timeline", true),
        ("events", "Events", true),
    ] {
        if there {
            out.push_str(&format!("<a href=\"#{id}\">{name}</a>\n"));
        }
    }
    out.push_str("</nav>\n");
}

/// A headline whose names are not broken at their hyphens.
fn unbroken(headline: &str) -> String {
    let Some((what, subjects)) = headline.rsplit_once(": ") else { return html(headline) };
    let subjects = subjects.split(", ").map(|subject| format!("<span class=\"name\">{}</span>", html(subject)));
    format!("{}: {}", html(what), subjects.collect::<Vec<_>>().join(", "))
}

fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Bug => "bug",
        Verdict::Gap => "gap",
        Verdict::Expected => "expected",
        Verdict::Unknown => "unknown",
    }
}

fn write_case(out: &mut String, case: &Case<'_>, number: usize) {
    let finding = case.finding;
    out.push_str(&format!("<section class=\"case\" id=\"c{number}\" aria-label=\"{}\">\n", finding.code));
    let variant = case.example.variant.map(|variant| format!(" ({variant})")).unwrap_or_default();
    if number > 1 {
        out.push_str(&format!(
            "<h2><span class=\"code\">{}</span> {}</h2>\n<p class=\"verdict\"><span class=\"pill {}\">{}</span> {}.</p>\n",
            finding.code,
            unbroken(&case.headline),
            verdict_class(finding.verdict),
            finding.verdict,
            html(&cause::capital(&finding.reason)),
        ));
    } else {
        out.push_str("<h2>The witness</h2>\n");
    }
    let count = if finding.count == 1 { String::new() } else { format!(", one of {}", grouped(finding.count)) };
    out.push_str(&format!(
        "<p class=\"lead\"><b>{}</b>{}{count}. Numbered red steps are what proves it; grey ones led there.</p>\n",
        html(&case.example.subject),
        html(&variant)
    ));
    if !case.story.steps.is_empty() {
        lanes(out, case, number);
    }
    explanation(out, case, number);
    if !case.strips.is_empty() {
        out.push_str("<h3>The log</h3>\n");
        for strip in &case.strips {
            write_strip(out, strip);
        }
        out.push_str(
            "<p class=\"key\"><span class=\"cell subject\">#1</span> the record in question <span class=\"cell \
             wrong\">#1</span> doubled, missing, or not as elsewhere <span class=\"cell aborted\">#1</span> aborted \
             <span class=\"cell epoch-0\">#1</span><span class=\"cell epoch-1\">#1</span> leader epochs <span \
             class=\"cell hw\">#1</span> high watermark</p>\n",
        );
    }
    out.push_str("</section>\n");
}

fn lanes(out: &mut String, case: &Case<'_>, number: usize) {
    let picture = &case.picture;
    let titles: Vec<String> = case.story.steps.iter().map(title).collect();
    out.push_str(&format!(
        "<div class=\"axis\"><input type=\"checkbox\" id=\"linear-{number}\"><label for=\"linear-{number}\">true time \
         scale</label><span class=\"hint\" hidden>← → walks through the steps</span></div>\n"
    ));
    let (warped, linear) = (picture.warped(), picture.linear());
    // Paper in landscape has room for so many pixels.
    let fit = (1020.0 / (warped.width + 148.0)).min(420.0 / picture.height()).clamp(0.4, 1.0);
    out.push_str(&format!("<div class=\"picture\" style=\"--fit:{fit:.2}\">\n<div class=\"names\">\n"));
    out.push_str(&format!("<div style=\"height:{}px\"></div>\n", svg::TOP));
    for view in &picture.lanes {
        let mut below = view.lane.role().to_owned();
        if let (Lane::Broker(_), Some(partition)) = (&view.lane, &picture.partition) {
            below.clone_from(partition);
        }
        let key = match view.lines.is_empty() {
            true => String::new(),
            false => {
                let ends = view.lines.iter().map(|line| {
                    let last = line.points.last().map_or(0, |(_, value)| *value);
                    format!("<span class=\"{0}\">{1} {last}</span>", line.class, line.class.to_uppercase())
                });
                format!("<span class=\"offsets\">{}</span>", ends.collect::<Vec<_>>().join(" "))
            }
        };
        out.push_str(&format!(
            "<div style=\"height:{}px\"><b>{}</b><small>{}</small>{key}</div>\n",
            view.height,
            html(&view.lane.to_string()),
            html(&below)
        ));
    }
    out.push_str("</div>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Swim lanes\">\n");
    out.push_str(&svg::draw(picture, &warped, number, false, &titles));
    out.push_str(&svg::draw(picture, &linear, number, true, &titles));
    out.push_str("</div>\n</div>\n");
    legend(out, case);
}

fn legend(out: &mut String, case: &Case<'_>) {
    let signs: BTreeSet<Sign> = case.picture.marks.iter().map(|mark| mark.sign).collect();
    out.push_str("<ul class=\"legend\">\n");
    for sign in signs {
        out.push_str(&format!(
            "<li><svg width=\"18\" height=\"18\" viewBox=\"-9 -9 18 18\" aria-hidden=\"true\"><use href=\"#sign-{}\"/></svg>{}</li>\n",
            svg::class(sign),
            sign.name()
        ));
    }
    for (class, name) in [("ok", "acknowledged"), ("info", "outcome unknown"), ("fail", "failed")] {
        let is = |mark: &Mark| mark.is_operation && mark.end.is_some() && svg::answer(mark) == class;
        if case.picture.marks.iter().any(is) {
            out.push_str(&format!("<li><i class=\"swatch {class}\"></i>{name}</li>\n"));
        }
    }
    let brokers = case.picture.lanes.iter().filter(|lane| matches!(lane.lane, Lane::Broker(_)));
    let bands: BTreeSet<&str> = brokers.flat_map(|lane| &lane.bands).map(|band| band.class).collect();
    if !bands.is_empty() {
        for (class, name) in [
            ("leader", "leader"),
            ("follower", "in sync"),
            ("lagging", "out of the ISR"),
            ("dead", "down"),
            ("paused", "paused"),
        ] {
            if bands.contains(class) {
                out.push_str(&format!("<li><i class=\"swatch {class}\"></i>{name}</li>\n"));
            }
        }
    }
    let lines: BTreeSet<&str> = case.picture.lanes.iter().flat_map(|lane| &lane.lines).map(|line| line.class).collect();
    for (class, name) in [("leo", "log end offset"), ("hw", "high watermark"), ("lso", "last stable offset")] {
        if lines.contains(class) {
            out.push_str(&format!("<li><i class=\"swatch line {class}\"></i>{name}</li>\n"));
        }
    }
    out.push_str("</ul>\n");
}

/// What a mark says when it is pointed at.
fn title(step: &Told) -> String {
    let line = &step.line;
    let when = match (line.t, line.end) {
        (None, _) => "at the end".to_owned(),
        (Some(t), Some(end)) if end > t => format!("{} to {} ({})", readable(t), readable(end), readable(end - t)),
        (Some(t), _) => readable(t),
    };
    format!("{when} · {}: {} (event {})", line.lane, line.text, line.number)
}

fn explanation(out: &mut String, case: &Case<'_>, number: usize) {
    out.push_str("<h3>What happened</h3>\n<ol class=\"steps\">\n");
    for (at, step) in case.story.steps.iter().enumerate() {
        let class = if step.is_witness { "witness" } else { "context" };
        let when = step.line.t.map_or_else(|| "at the end".to_owned(), readable);
        out.push_str(&format!(
            "<li class=\"{class}\" id=\"c{number}s{n}\" data-step=\"{n}\" tabindex=\"-1\"><a class=\"badge\" \
             href=\"#c{number}w{n}\">{n}</a><span class=\"when\">{when}</span><span class=\"who\">{}</span><span \
             class=\"said\">{} <a class=\"event\" href=\"#e{event}\">event {event}</a></span></li>\n",
            html(&step.line.lane.to_string()),
            html(&cause::capital(&step.text)),
            n = at + 1,
            event = step.line.number,
        ));
    }
    out.push_str("</ol>\n");
    for conclusion in &case.story.conclusions {
        out.push_str(&format!("<p class=\"so\">So {}.</p>\n", html(conclusion)));
    }
    if case.story.folded > 0 {
        let more = if case.story.folded == 1 { "event" } else { "events" };
        out.push_str(&format!(
            "<p class=\"folded\">{} more {more} of the same participants, folded away here, are in the <a \
             href=\"#timeline\">timeline</a>.</p>\n",
            grouped(case.story.folded as u64)
        ));
    }
    if let Some(mechanism) = case.mechanism {
        out.push_str(&format!("<p class=\"mechanism\">{}</p>\n", html(mechanism)));
    }
    out.push_str(&format!("<p class=\"prevention\">{}.</p>\n", html(&case.prevention)));
}

fn write_strip(out: &mut String, strip: &Strip) {
    out.push_str(&format!("<figure class=\"strip\"><figcaption><b>{}</b>", html(&strip.partition)));
    if let Some(high_watermark) = strip.high_watermark {
        out.push_str(&format!(" · high watermark {high_watermark}"));
    }
    if let Some(last_stable) = strip.last_stable {
        out.push_str(&format!(" · last stable offset {last_stable}"));
    }
    if let Some(producer) = &strip.producer {
        out.push_str(&format!(" · records of {}", html(producer)));
    }
    let letters = strip.letters.iter().map(|(letter, producer)| format!("{letter} = {}", html(producer)));
    let letters: Vec<String> = letters.collect();
    if !letters.is_empty() {
        out.push_str(&format!(" · {}", letters.join(", ")));
    }
    out.push_str("</figcaption>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Log strip\"><table>\n<thead><tr><th scope=\"col\">offset</th>");
    for column in &strip.columns {
        match column {
            Column::Offset(offset) => {
                out.push_str(&format!("<th scope=\"col\"{}>{offset}</th>", line_class(strip, *offset, "")))
            }
            Column::Folded(count) => out.push_str(&format!("<th class=\"fold\" title=\"{count} offsets\">⋯</th>")),
        }
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &strip.rows {
        out.push_str(&format!("<tr class=\"{}\"><th scope=\"row\">{}</th>", row.kind, html(&row.name)));
        for (column, cell) in strip.columns.iter().zip(&row.cells) {
            let Some(offset) = column.offset() else {
                out.push_str("<td class=\"fold\"></td>");
                continue;
            };
            let mut classes = cell.classes.join(" ");
            if let Some(epoch) = cell.epoch {
                classes.push_str(&format!(" epoch-{}", epoch.rem_euclid(4)));
            }
            let title = if cell.title.is_empty() { String::new() } else { format!(" title=\"{}\"", html(&cell.title)) };
            out.push_str(&format!("<td{}{title}>{}</td>", line_class(strip, offset, classes.trim()), html(&cell.text)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></figure>\n");
}

/// The classes of a cell, with those of the lines to its right.
fn line_class(strip: &Strip, offset: i64, classes: &str) -> String {
    let mut all: Vec<&str> = if classes.is_empty() { Vec::new() } else { vec![classes] };
    if strip.high_watermark == Some(offset + 1) {
        all.push("hw");
    }
    if strip.last_stable == Some(offset + 1) {
        all.push("lso");
    }
    if all.is_empty() { String::new() } else { format!(" class=\"{}\"", all.join(" ")) }
}

fn others(out: &mut String, prepared: &Prepared<'_>) {
    let report = prepared.document.report;
    let others: Vec<_> = prepared.others().collect();
    let lists = [
        others.is_empty(),
        report.hidden.is_empty(),
        report.undecided.is_empty(),
        report.unreached.is_empty(),
        report.lints.is_empty(),
    ];
    if lists.iter().all(|empty| *empty) {
        return;
    }
    out.push_str("<section id=\"others\">\n<h2>Other findings</h2>\n<ul class=\"findings\">\n");
    for finding in others {
        out.push_str(&format!(
            "<li><span class=\"pill {}\">{}</span> <b>{}</b> {} <small>{}</small></li>\n",
            verdict_class(finding.verdict),
            finding.verdict,
            finding.code,
            html(&cause::headline(finding, report)),
            html(&finding.reason)
        ));
    }
    for (consequence, cause) in &report.hidden {
        out.push_str(&format!("<li><span class=\"pill expected\">follows</span> <b>{consequence}</b> was found too; {cause} explains it.</li>\n"));
    }
    for (code, why) in &report.undecided {
        out.push_str(&format!("<li><span class=\"pill unknown\">UNKNOWN</span> <b>{code}</b> {}.</li>\n", html(why)));
    }
    for name in &report.unreached {
        out.push_str(&format!(
            "<li><span class=\"pill bug\">vacuous</span> The run never saw any of: <b>{}</b>.</li>\n",
            html(name)
        ));
    }
    for lint in &report.lints {
        out.push_str(&format!(
            "<li><span class=\"pill gap\">setup</span> <b>{}</b> is required, but the configuration does not give it: {}.</li>\n",
            lint.contract,
            html(&lint.needs)
        ));
    }
    out.push_str("</ul>\n</section>\n");
}

fn plan(out: &mut String, prepared: &Prepared<'_>) {
    let plan = &prepared.document.plan;
    if plan.is_empty() {
        return;
    }
    out.push_str("<section id=\"plan\">\n<h2>Fault plan</h2>\n<ol class=\"plan\">\n");
    for line in plan {
        out.push_str(&format!("<li><code>{}</code></li>\n", html(line)));
    }
    out.push_str("</ol>\n</section>\n");
}

fn configuration(out: &mut String, prepared: &Prepared<'_>) {
    let intent: Vec<&str> = prepared.document.history.setup().intent.iter().map(|contract| contract.name()).collect();
    out.push_str(&format!(
        "<section id=\"configuration\">\n<h2>Configuration</h2>\n<p class=\"lead\">Required: {}.</p>\n",
        intent.join(", ")
    ));
    let (differ, same): (Vec<_>, Vec<_>) = prepared.settings.iter().partition(|row| row.differs);
    if differ.is_empty() {
        out.push_str("<p>Nothing differs from the safe preset.</p>\n");
    } else {
        out.push_str("<table class=\"settings\"><thead><tr><th>setting</th><th>here</th><th>safe preset</th></tr></thead><tbody>\n");
        for row in differ {
            out.push_str(&format!(
                "<tr><th scope=\"row\">{}</th><td class=\"here\">{}</td><td class=\"safe\">{}</td></tr>\n",
                html(&row.name),
                html(&row.here),
                html(&row.safe)
            ));
        }
        out.push_str("</tbody></table>\n");
    }
    out.push_str(&format!(
        "<details><summary>{} settings as in the preset</summary><table class=\"settings\"><tbody>\n",
        same.len()
    ));
    for row in same {
        out.push_str(&format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", html(&row.name), html(&row.here)));
    }
    out.push_str("</tbody></table></details>\n</section>\n");
}

fn metrics(out: &mut String, prepared: &Prepared<'_>) {
    let report = prepared.document.report;
    out.push_str("<section id=\"metrics\">\n<h2>Metrics</h2>\n<p class=\"lead\">What this run has seen. A zero is worth a thought: what never happened was not tested.</p>\n<dl class=\"counters\">\n");
    for (name, count) in &report.counters {
        let zero = if *count == 0 { " class=\"zero\"" } else { "" };
        out.push_str(&format!("<div{zero}><dt>{}</dt><dd>{}</dd></div>\n", html(name), grouped(*count)));
    }
    out.push_str("</dl>\n<div class=\"charts\">\n");
    for series in &prepared.metrics.series {
        chart(out, series, &prepared.metrics);
    }
    out.push_str("</div>\n</section>\n");
}

fn chart(out: &mut String, series: &Series, metrics: &Metrics) {
    const WIDTH: u64 = 340;
    const HEIGHT: u64 = 64;
    let x = |t: u64| u128::from(t) * u128::from(WIDTH) * 10 / u128::from(metrics.end.max(1));
    let tenths = |value: u128| format!("{}.{}", value / 10, value % 10);
    let y = |value: u64| {
        tenths(u128::from(HEIGHT * 10) - u128::from(value) * u128::from(HEIGHT * 10) / u128::from(series.max.max(1)))
    };
    out.push_str(&format!(
        "<figure class=\"chart\"><figcaption>{} <small>at most {} {}</small></figcaption>\n<svg viewBox=\"-1 -3 {} {}\" \
         role=\"img\" aria-label=\"{}\">",
        html(&series.name),
        grouped(series.max),
        series.unit,
        WIDTH + 2,
        HEIGHT + 6,
        html(&series.name)
    ));
    for fault in metrics.faults.iter().take(200) {
        let at = tenths(x(*fault));
        out.push_str(&format!("<line class=\"fault\" x1=\"{at}\" x2=\"{at}\" y1=\"-3\" y2=\"{}\"/>", HEIGHT + 3));
    }
    let mut path = String::new();
    for (at, (t, value)) in series.points.iter().enumerate() {
        let (x, y) = (tenths(x(*t)), y(*value));
        path.push_str(&if at == 0 { format!("M{x} {y}") } else { format!("H{x}V{y}") });
    }
    out.push_str(&format!(
        "<path d=\"{path}H{WIDTH}\"/></svg>\n<p><span>0 s</span><span>{}</span></p></figure>\n",
        readable(metrics.end)
    ));
}

fn events(out: &mut String, prepared: &Prepared<'_>) {
    let document = prepared.document;
    let steps = prepared.cases.iter().flat_map(|case| &case.story.steps);
    let witness: BTreeSet<u32> = steps.map(|step| step.line.number).collect();
    let embedded = embed(document.history, &prepared.leaders, &witness);
    out.push_str("<section id=\"timeline\">\n<h2>Timeline</h2>\n");
    out.push_str(
        "<noscript><p>The timeline and the table need JavaScript; the history beside this page has the same \
         events.</p></noscript>\n<form class=\"filter\" hidden onsubmit=\"return false\">\n<label>find <input type=\"search\" id=\"find\" \
         placeholder=\"id, offset, words\"></label>\n<label>lane <select id=\"lane\"><option value=\"\">all</option></select></label>\n\
         <label>partition <select id=\"partition\"><option value=\"\">all</option></select></label>\n<label>kind <select \
         id=\"sign\"><option value=\"\">all</option></select></label>\n<output id=\"count\"></output>\n<span class=\"zoom\"><button \
         type=\"button\" id=\"out\" title=\"show more time\">−</button><button type=\"button\" id=\"in\" title=\"show less \
         time\">+</button><button type=\"button\" id=\"all\">all</button></span></form>\n<div id=\"canvas\" hidden><canvas \
         role=\"img\" aria-label=\"All events by lane and time; the table below has the same\" tabindex=\"0\"></canvas><div \
         id=\"tip\" hidden></div></div>\n</section>\n",
    );
    out.push_str("<section id=\"events\">\n<h2>Events</h2>\n");
    if embedded.shown < embedded.total {
        out.push_str(&format!(
            "<p class=\"lead\">{} of {} events are in this page: those near the witness, and what was broken. The history has all.</p>\n",
            grouped(embedded.shown as u64),
            grouped(embedded.total as u64)
        ));
    } else if !embedded.is_raw {
        out.push_str("<p class=\"lead\">All events in words; the history has them as they were recorded.</p>\n");
    }
    out.push_str(
        "<div id=\"table\" hidden tabindex=\"0\" role=\"region\" aria-label=\"All events\"><div id=\"rows\"></div></div>\n\
         <pre id=\"raw\" hidden></pre>\n</section>\n",
    );
    out.push_str(&format!(
        "<script type=\"application/json\" id=\"data\">{}</script>\n",
        json_in_html(&embedded.data.to_string())
    ));
}
