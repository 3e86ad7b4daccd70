//! Draws a picture: one self-contained `svg` element, styled by the page's classes.

use super::axis::Axis;
use super::axis::length;
use super::describe::Sign;
use super::escape::html;
use super::picture::Arrow;
use super::picture::LaneView;
use super::picture::Mark;
use super::picture::Picture;
use super::time::readable;
use crate::check::event::Answer;

/// The room above the lanes, for times.
pub(super) const TOP: f64 = 34.0;
/// Where in a lane its bands, labels and marks lie.
const BAND: f64 = 3.0;
const LABEL: f64 = 24.0;
const MIDDLE: f64 = 42.0;
const LINES: f64 = 58.0;
const RADIUS: f64 = 9.0;

/// The sign of each kind, within ten pixels around the origin.
pub(super) fn symbol(sign: Sign) -> &'static str {
    match sign {
        Sign::Send => r#"<path d="M-5 0H4M0-4 4 0 0 4"/>"#,
        Sign::Poll => r#"<path d="M0-5V4M-4 0 0 4 4 0"/>"#,
        Sign::Commit => r#"<path d="M-4.500-4.500h9v9h-9z"/><path d="M-2.500 0-.5 2 3-2"/>"#,
        Sign::Ask => {
            r#"<path d="M-2.500-2a2.500 2.500 0 1 1 3.500 2.300Q0 .8 0 2"/><circle class="dot" cy="4.300" r=".9"/>"#
        }
        Sign::EndTxn => r#"<path d="M-4-5V5M-4-4H4L2-1.500 4 1H-4"/>"#,
        Sign::Assigned => r#"<path d="M-5-4h-.5v8h.5M5-4h.5v8H5M-2.500 0h5M0-2.500v5"/>"#,
        Sign::Released => r#"<path d="M-5-4h-.5v8h.5M5-4h.5v8H5M-2.500 0h5"/>"#,
        Sign::Seek => r#"<path d="M4-3.500-.5 0 4 3.500M-.5-3.500-5 0l4.500 3.500"/>"#,
        Sign::Processed => r#"<path d="M-5 .5-1.500 4 5-4"/>"#,
        Sign::Crash | Sign::Removed => r#"<path d="M-4-4 4 4M4-4-4 4"/>"#,
        Sign::Fault => r#"<path class="solid" d="M1.500-6-4.500 1h3.700L-1.500 6 4.500-1H.8z"/>"#,
        Sign::Heal => r#"<path d="M0-5V5M-5 0H5"/>"#,
        Sign::Leader => {
            r#"<path class="solid" d="M0-6 1.800-1.900 6-1.800 2.700 1 3.700 5.200 0 2.900-3.700 5.200-2.700 1-6-1.800-1.800-1.900z"/>"#
        }
        Sign::Isr => {
            r#"<circle cx="-3" cy="2" r="2.200"/><circle cx="3" cy="2" r="2.200"/><circle cy="-3" r="2.200"/>"#
        }
        Sign::Append => r#"<circle class="solid" r="4.500"/>"#,
        Sign::Replicate => r#"<circle r="4"/>"#,
        Sign::Hw => r#"<path class="solid" d="M0-5 5 4H-5z"/>"#,
        Sign::Marker => r#"<path class="solid" d="M0-6 5 0 0 6-5 0z"/>"#,
        Sign::Acked => r#"<path d="M-5 0-1.500 3.500 5-3.500"/>"#,
        Sign::Served => r#"<path d="M-4-4H4M0-1V5M-3 2 0 5 3 2"/>"#,
        Sign::Truncated => r#"<path d="M-5-4V4M-1.500-4V4M2-5 5-2M5-5 2-2"/>"#,
        Sign::Fenced => r#"<circle r="5"/><path d="M-3.500-3.500 3.500 3.500"/>"#,
        Sign::Accepted => r#"<path d="M-5-3H5V4H-5zM-5-3 0 1 5-3"/>"#,
        Sign::State => r#"<path d="M-5-2H5M-5 2H5"/>"#,
        Sign::Log => r#"<path d="M-5-4H5V4H-5zM-1.700-4V4M1.700-4V4"/>"#,
    }
}

/// A sign's name as part of an identifier.
pub(super) fn class(sign: Sign) -> String {
    sign.name().to_lowercase().replace(' ', "-")
}

/// One decimal is finer than any screen.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// Draws along an axis. `case` tells the pictures of a page apart.
pub(super) fn draw(picture: &Picture, axis: &Axis, case: usize, is_linear: bool, titles: &[String]) -> String {
    let (width, height) = (axis.width, picture.height() + TOP);
    let kind = if is_linear { "linear" } else { "warped" };
    let mut out = format!(
        r#"<svg class="lanes {kind}" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="group" aria-label="Swim lanes of the witness, {kind} time axis">"#,
        w = px(width),
        h = px(height)
    );
    out.push('\n');
    for (at, lane) in picture.lanes.iter().enumerate() {
        let parity = if at % 2 == 0 { "even" } else { "odd" };
        let (y, h) = (px(lane.top + TOP), px(lane.height));
        out.push_str(&format!("<rect class=\"lane {parity}\" y=\"{y}\" width=\"{}\" height=\"{h}\"/>\n", px(width)));
    }
    times(&mut out, axis, height);
    for lane in &picture.lanes {
        bands(&mut out, axis, lane);
        lines(&mut out, axis, lane, picture.range);
    }
    for arrow in &picture.arrows {
        draw_arrow(&mut out, picture, axis, arrow);
    }
    for mark in &picture.marks {
        let title = titles.get(mark.number - 1).map_or("", String::as_str);
        draw_mark(&mut out, picture, axis, mark, case, is_linear, title);
    }
    out.push_str("</svg>\n");
    out
}

fn times(out: &mut String, axis: &Axis, height: f64) {
    for (from, to, idle) in &axis.breaks {
        let (x, w, middle) = (px(*from), px(to - from), px((from + to) / 2.0));
        let h = px(height - TOP);
        out.push_str(&format!(
            "<g class=\"break\"><title>nothing here for {idle}</title><rect x=\"{x}\" y=\"{TOP}\" width=\"{w}\" \
             height=\"{h}\"/><text x=\"{middle}\" y=\"12\">⋯ {idle}</text></g>\n",
            idle = readable(*idle)
        ));
    }
    for (x, t) in &axis.ticks {
        let x = px(*x);
        out.push_str(&format!(
            "<line class=\"tick\" x1=\"{x}\" x2=\"{x}\" y1=\"{TOP}\" y2=\"{}\"/><text class=\"time\" x=\"{x}\" y=\"27\">{}</text>\n",
            px(height),
            readable(*t)
        ));
    }
}

fn bands(out: &mut String, axis: &Axis, lane: &LaneView) {
    for (at, band) in lane.bands.iter().enumerate() {
        // Several partitions may be owned at the same time.
        let row = if band.class == "owns" && lane.bands.len() > 1 { length(at as u64 % 2) * 4.0 } else { 0.0 };
        let (from, to) = (axis.at(band.from), axis.at(band.to));
        let w = (to - from).max(2.0);
        let y = lane.top + TOP + BAND + row;
        out.push_str(&format!(
            "<g class=\"band {}\"><title>{label}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"11\" rx=\"2\"/>",
            band.class,
            px(from),
            px(y),
            px(w),
            label = html(&format!("{}, from {} to {}", band.label, readable(band.from.0), readable(band.to.0))),
        ));
        let letters = u32::try_from(band.label.chars().count()).unwrap_or(u32::MAX);
        if f64::from(letters) * 5.2 + 8.0 < w {
            out.push_str(&format!("<text x=\"{}\" y=\"{}\">{}</text>", px(from + 5.0), px(y + 8.5), html(&band.label)));
        }
        out.push_str("</g>\n");
    }
}

fn lines(out: &mut String, axis: &Axis, lane: &LaneView, range: Option<(i64, i64)>) {
    let Some((least, greatest)) = range else { return };
    let room = lane.height - lane.inset - LINES - 7.0;
    let span = (greatest - least).max(1);
    let y = |value: i64| {
        let share = length(value.abs_diff(least)) / length(span.unsigned_abs());
        lane.top + TOP + lane.height - 5.0 - share * room
    };
    for line in &lane.lines {
        let Some((t, value)) = line.points.first() else { continue };
        let mut path = format!("M{} {}", px(axis.at(*t)), px(y(*value)));
        for (t, value) in &line.points[1..] {
            path.push_str(&format!("H{}V{}", px(axis.at(*t)), px(y(*value))));
        }
        let last = line.points.last().map_or(0, |(_, value)| *value);
        let name = line.class.to_uppercase();
        out.push_str(&format!("<g class=\"offset {}\"><title>{name}, at the end {last}</title>", line.class));
        if line.class == "leo" {
            let base = px(lane.top + TOP + lane.height - 4.0);
            let end = line.points.last().map_or(0.0, |(t, _)| axis.at(*t));
            let start = px(axis.at(*t));
            out.push_str(&format!("<path class=\"area\" d=\"{path}H{}V{base}H{start}Z\"/>", px(end)));
        }
        out.push_str(&format!("<path d=\"{path}\"/></g>\n"));
    }
}

/// The place of a mark's beginning or end.
fn place(picture: &Picture, axis: &Axis, mark: &Mark, at_end: bool) -> (f64, f64) {
    let point = mark.end.filter(|_| at_end).unwrap_or(mark.begin);
    let x = axis.places.get(point).copied().unwrap_or(0.0);
    let top = picture.lanes.get(mark.lane).map_or(0.0, |lane| lane.top + lane.inset);
    (x, top + TOP + MIDDLE)
}

fn draw_arrow(out: &mut String, picture: &Picture, axis: &Axis, arrow: &Arrow) {
    let (Some(from), Some(to)) = (picture.marks.get(arrow.from), picture.marks.get(arrow.to)) else { return };
    let (x1, y1) = place(picture, axis, from, arrow.from_end);
    let (x2, y2) = place(picture, axis, to, arrow.to_end);
    let class = if arrow.is_cause { "cause" } else { "message" };
    let path = if (y1 - y2).abs() < 1.0 {
        // Along the lane: from edge to edge, bent a little when something may lie in between.
        let lift = if x2 - x1 > 60.0 { 13.0 } else { 0.0 };
        let (x1, x2) = (x1 + RADIUS + 1.0, x2 - RADIUS - 4.0);
        format!(
            "M{} {}Q{} {} {} {}",
            px(x1),
            px(y1 + lift / 2.0),
            px((x1 + x2) / 2.0),
            px(y1 + lift),
            px(x2),
            px(y2 + lift / 2.0)
        )
    } else {
        let down = if y2 > y1 { 1.0 } else { -1.0 };
        // Labels stand above marks: what comes from above passes beside them.
        let (ys, ye) = (y1 + down * (RADIUS + 1.0), y2 - down * (RADIUS + 4.0));
        let bend = ((ye - ys).abs() / 2.0).min(46.0) * down;
        format!(
            "M{} {}C{} {} {} {} {} {}",
            px(x1),
            px(ys),
            px(x1),
            px(ys + bend),
            px(x2),
            px(ye - bend),
            px(x2),
            px(ye)
        )
    };
    out.push_str(&format!(
        "<path class=\"arrow {class}\" marker-end=\"url(#head-{class})\" d=\"{path}\"><title>{}</title></path>\n",
        arrow.label
    ));
}

/// How an operation ended, by the style's name.
pub(super) fn answer(mark: &Mark) -> &'static str {
    match (mark.is_operation, mark.answer) {
        (false, _) => "",
        (true, Some(Answer::Ok)) => "ok",
        (true, Some(Answer::Fail)) => "fail",
        (true, Some(Answer::Info) | None) => "info",
    }
}

fn draw_mark(out: &mut String, picture: &Picture, axis: &Axis, mark: &Mark, case: usize, is_linear: bool, title: &str) {
    let (x, y) = place(picture, axis, mark, false);
    let top = y - MIDDLE;
    let answer = answer(mark);
    let role = if mark.is_witness { " witness" } else { "" };
    let answer = if answer.is_empty() { String::new() } else { format!(" {answer}") };
    let axis_name = if is_linear { "l" } else { "w" };
    out.push_str(&format!(
        "<a class=\"mark{role}{answer} {}\" id=\"c{case}{axis_name}{n}\" data-step=\"{n}\" href=\"#c{case}s{n}\"><title>{}</title>",
        class(mark.sign),
        html(title),
        n = mark.number,
    ));
    if mark.is_operation {
        let (end, _) = place(picture, axis, mark, true);
        let open = mark.answer.is_none();
        let end = if open { axis.width - 6.0 } else { end };
        if end - x > RADIUS {
            let (bar, w) = (px(y - 5.0), px(end - x));
            out.push_str(&format!(
                "<rect class=\"bar\" x=\"{}\" y=\"{bar}\" width=\"{w}\" height=\"10\" rx=\"5\"/>",
                px(x)
            ));
            match mark.answer {
                Some(Answer::Ok) => out.push_str(&format!(
                    "<circle class=\"end\" cx=\"{}\" cy=\"{}\" r=\"3.500\"/>",
                    px(end - 5.0),
                    px(y)
                )),
                Some(Answer::Fail) => {
                    let (a, b, c, d) = (px(end - 8.0), px(end - 2.0), px(y - 3.0), px(y + 3.0));
                    out.push_str(&format!("<path class=\"end\" d=\"M{a} {c}L{b} {d}M{b} {c}L{a} {d}\"/>"));
                }
                _ => {}
            }
        }
    }
    out.push_str(&format!("<circle class=\"plate\" cx=\"{}\" cy=\"{}\" r=\"{RADIUS}\"/>", px(x), px(y)));
    out.push_str(&format!("<use href=\"#sign-{}\" x=\"{}\" y=\"{}\"/>", class(mark.sign), px(x), px(y)));
    let badge = px(top + LABEL - 4.0);
    out.push_str(&format!(
        "<circle class=\"badge\" cx=\"{x}\" cy=\"{badge}\" r=\"7.500\"/><text class=\"number\" x=\"{x}\" y=\"{}\">{}</text>",
        px(top + LABEL - 0.5),
        mark.number,
        x = px(x),
    ));
    if !is_linear {
        let late = if mark.is_timeless { " (end)" } else { "" };
        out.push_str(&format!(
            "<text class=\"label\" x=\"{}\" y=\"{}\">{}{late}</text>",
            px(x + 11.0),
            px(top + LABEL),
            html(&mark.label)
        ));
    }
    out.push_str("</a>\n");
}
