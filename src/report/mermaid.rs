//! The witness as a Mermaid sequence diagram, which code hosts draw in comments and summaries.

use super::describe::Sign;
use super::document::Case;
use super::escape::mermaid;
use super::picture::Arrow;
use super::time::readable;

pub(super) fn write(case: &Case<'_>) -> String {
    let mut out = String::from("sequenceDiagram\n");
    for (at, lane) in case.picture.lanes.iter().enumerate() {
        out.push_str(&format!("    participant l{at} as {}\n", mermaid(&lane.lane.to_string())));
    }
    for (at, (mark, step)) in case.picture.marks.iter().zip(&case.story.steps).enumerate() {
        let when = step.line.t.map_or_else(|| "at the end".to_owned(), readable);
        let text = mermaid(&format!("{} · {when}: {}", mark.number, step.text));
        let is_request = |arrow: &&Arrow| {
            let from = case.picture.marks.get(arrow.from).map(|mark| mark.sign);
            !arrow.is_cause || (from, mark.sign) == (Some(Sign::Send), Sign::Append)
        };
        let arrow = case.picture.arrows.iter().filter(|arrow| arrow.to == at && !arrow.to_end).find(is_request);
        let from = arrow.and_then(|arrow| case.picture.marks.get(arrow.from));
        match from.filter(|from| from.lane != mark.lane) {
            Some(from) => out.push_str(&format!("    l{}->>l{}: {text}\n", from.lane, mark.lane)),
            None if step.is_witness => {
                out.push_str(&format!("    rect rgb(252, 228, 224)\n    Note over l{}: {text}\n    end\n", mark.lane));
            }
            None => out.push_str(&format!("    Note over l{}: {text}\n", mark.lane)),
        }
    }
    if let Some(lane) = case.picture.lanes.len().checked_sub(1) {
        let verdict = mermaid(&format!("{} {}: {}", case.finding.verdict, case.finding.code, case.headline));
        out.push_str(&format!("    Note over l0,l{lane}: {verdict}\n"));
    }
    out
}
