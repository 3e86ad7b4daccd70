//! A story as swim lanes: what each participant was at what time, what happened on which lane, and what led to what.
//!
//! This is the picture as data; `svg` draws it, `mermaid` says it in another language.

use super::axis::Axis;
use super::axis::Moment;
use super::axis::Point;
use super::cluster::Cluster;
use super::cluster::Role;
use super::describe::Lane;
use super::describe::Sign;
use super::describe::group_status;
use super::describe::numbered;
use super::describe::txn_status;
use super::story::Story;
use super::story::Told;
use super::time::nanos;
use crate::check::History;
use crate::check::event::Answer;
use crate::check::event::Event;
use crate::check::event::GroupStatus;
use crate::check::event::TxnStatus;
use std::collections::BTreeMap;

/// How wide a letter of a label is, in pixels.
const LETTER: f64 = 6.4;

/// How wide a picture is at least, in pixels.
const WIDTH: f64 = 1048.0;

/// The lanes, the marks on them and the arrows between them.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) lanes: Vec<LaneView>,
    pub(super) marks: Vec<Mark>,
    pub(super) arrows: Vec<Arrow>,
    /// The partition whose watermarks are drawn.
    pub(super) partition: Option<String>,
    /// The least and the greatest offset among them.
    pub(super) range: Option<(i64, i64)>,
    points: Vec<Point>,
    window: (Moment, Moment),
}

#[derive(Debug)]
pub(super) struct LaneView {
    pub(super) lane: Lane,
    pub(super) top: f64,
    pub(super) height: f64,
    /// How far below the top the marks begin.
    pub(super) inset: f64,
    pub(super) bands: Vec<Band>,
    pub(super) lines: Vec<StepLine>,
}

/// What somebody was for a while.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) from: Moment,
    pub(super) to: Moment,
    /// The style's name.
    pub(super) class: &'static str,
    pub(super) label: String,
}

/// An offset over time.
#[derive(Debug)]
pub(super) struct StepLine {
    /// `leo`, `hw` or `lso`.
    pub(super) class: &'static str,
    pub(super) points: Vec<(Moment, i64)>,
}

/// A step on its lane.
#[derive(Debug)]
pub(super) struct Mark {
    /// From 1, as in the text.
    pub(super) number: usize,
    pub(super) lane: usize,
    pub(super) sign: Sign,
    pub(super) label: String,
    pub(super) answer: Option<Answer>,
    pub(super) is_operation: bool,
    pub(super) is_witness: bool,
    /// Which points it begins and ends at.
    pub(super) begin: usize,
    pub(super) end: Option<usize>,
    /// Whether it is known only at the end.
    pub(super) is_timeless: bool,
}

/// What led to what.
#[derive(Debug)]
pub(super) struct Arrow {
    /// Marks by place, from 0.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether it leaves from the end of an operation, and arrives at the end of one.
    pub(super) from_end: bool,
    pub(super) to_end: bool,
    pub(super) is_cause: bool,
    pub(super) label: &'static str,
}

impl Picture {
    pub(super) fn of(history: &History, story: &Story) -> Self {
        let mut lanes: Vec<Lane> = story.lanes().into_iter().collect();
        let partition = headline_partition(story);
        let window = ((story.window.0, 0), (story.window.1, u32::MAX));
        let cluster = partition.as_ref().map(|partition| Cluster::of(history, partition, window));
        if let Some(cluster) = cluster.as_ref().filter(|cluster| cluster.is_eventful()) {
            let more: Vec<Lane> = cluster.brokers().take(5).map(Lane::Broker).collect();
            lanes.extend(more.into_iter().filter(|lane| !story.lanes().contains(lane)));
        }
        lanes.sort_by_cached_key(Lane::place);
        let mut views: Vec<LaneView> = Vec::with_capacity(lanes.len());
        let mut top = 0.0;
        for lane in lanes {
            let (bands, lines) = match (&lane, &cluster) {
                (Lane::Broker(id), Some(cluster)) => (roles(cluster, *id, window), watermarks(cluster, *id)),
                (Lane::Coordinator(scope), _) => (states(history, scope, window), Vec::new()),
                (Lane::Client(name), _) => (owned(history, story, name, window), Vec::new()),
                _ => (Vec::new(), Vec::new()),
            };
            // Bands lie above the marks, lines below them.
            let inset = if bands.is_empty() { 0.0 } else { 11.0 };
            let height = inset + if lines.is_empty() { 58.0 } else { 94.0 };
            views.push(LaneView { lane, top, height, inset, bands, lines });
            top += height;
        }
        let range = range(&views);
        let (points, marks) = marks(history, story, &views);
        let arrows = arrows(story);
        Self { lanes: views, marks, arrows, partition, range, points, window }
    }

    pub(super) fn height(&self) -> f64 {
        self.lanes.last().map_or(0.0, |lane| lane.top + lane.height)
    }

    pub(super) fn warped(&self) -> Axis {
        Axis::warped(&self.points, self.lanes.len(), WIDTH).within(self.window.0, self.window.1)
    }

    pub(super) fn linear(&self) -> Axis {
        Axis::linear(&self.points, self.lanes.len(), WIDTH).within(self.window.0, self.window.1)
    }
}

/// The partition that the first step of the witness is about.
fn headline_partition(story: &Story) -> Option<String> {
    let of = |step: &Told| step.line.partitions.iter().find(|name| story.scope.partitions.contains(*name)).cloned();
    let witness = story.steps.iter().filter(|step| step.is_witness).find_map(of);
    witness.or_else(|| story.scope.partitions.first().cloned())
}

fn range(views: &[LaneView]) -> Option<(i64, i64)> {
    let values = || views.iter().flat_map(|view| &view.lines).flat_map(|line| &line.points).map(|(_, value)| *value);
    Some((values().min()?, values().max()?))
}

fn roles(cluster: &Cluster, broker: i32, window: (Moment, Moment)) -> Vec<Band> {
    let spans = cluster.roles(broker);
    let mut bands = Vec::new();
    for (at, (from, role)) in spans.iter().enumerate() {
        let to = spans.get(at + 1).map_or(window.1, |(next, _)| *next);
        let (class, label) = match role {
            Role::Leader(epoch) => ("leader", format!("leader, epoch {epoch}")),
            Role::InSync => ("follower", "follower in sync".to_owned()),
            Role::OutOfSync => ("lagging", "out of the ISR".to_owned()),
            Role::Dead => ("dead", "down".to_owned()),
            Role::Paused => ("paused", "paused".to_owned()),
        };
        if to >= window.0 {
            bands.push(Band { from: (*from).max(window.0), to, class, label });
        }
    }
    bands
}

fn watermarks(cluster: &Cluster, broker: i32) -> Vec<StepLine> {
    let lines = [("leo", cluster.leo(broker)), ("hw", cluster.hw(broker)), ("lso", cluster.lso(broker))];
    let lines = lines.into_iter().filter(|(_, points)| !points.is_empty());
    lines.map(|(class, points)| StepLine { class, points }).collect()
}

/// A coordinator's states.
fn states(history: &History, scope: &str, (begin, end): (Moment, Moment)) -> Vec<Band> {
    let mut changes: Vec<(Moment, &'static str, String)> = Vec::new();
    for (number, event) in numbered(history) {
        match event {
            Event::GroupState(line) if scope.strip_prefix("group ") == Some(&line.group) => {
                let class = match line.state {
                    GroupStatus::Stable => "follower",
                    GroupStatus::Rebalancing => "paused",
                    GroupStatus::Empty | GroupStatus::Dead => "dead",
                };
                let label = format!("{}, generation {}", group_status(line.state), line.generation);
                changes.push(((nanos(line.t), number), class, label));
            }
            Event::TxnState(line) if scope == format!("pid {}", line.pid) => {
                let class = match line.state {
                    TxnStatus::Ongoing => "follower",
                    TxnStatus::PrepareCommit | TxnStatus::CompleteCommit => "leader",
                    TxnStatus::PrepareAbort | TxnStatus::CompleteAbort => "paused",
                    TxnStatus::Empty | TxnStatus::Dead => "dead",
                };
                changes.push(((nanos(line.t), number), class, txn_status(line.state).to_owned()));
            }
            _ => {}
        }
    }
    let mut bands = Vec::new();
    for (at, (from, class, label)) in changes.iter().enumerate() {
        let to = changes.get(at + 1).map_or(end, |(next, _, _)| *next).min(end);
        if to >= begin && *from <= end {
            bands.push(Band { from: (*from).max(begin), to, class, label: label.clone() });
        }
    }
    bands
}

/// What a member owned of the story's partitions.
fn owned(history: &History, story: &Story, name: &str, (begin, end): (Moment, Moment)) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    let mut open: BTreeMap<String, (Moment, String)> = BTreeMap::new();
    let mut close = |partition: &str, since: Moment, label: String, to: Moment| {
        if to >= begin && since <= end {
            let label = format!("owns {partition}{label}");
            bands.push(Band { from: since.max(begin), to: to.min(end), class: "owns", label });
        }
    };
    for (number, event) in numbered(history) {
        let now = (event.t().map_or(0, nanos), number);
        match event {
            Event::Assigned(line) if line.process == name => {
                for partition in line.partitions.into_keys().filter(|name| story.scope.partitions.contains(name)) {
                    let label = line.generation.map(|number| format!(", generation {number}")).unwrap_or_default();
                    open.entry(partition).or_insert_with(|| (now, label));
                }
            }
            Event::Released(line) if line.process == name => {
                for partition in &line.partitions {
                    if let Some((since, label)) = open.remove(partition) {
                        close(partition, since, label, now);
                    }
                }
            }
            Event::Crashed(line) if name == line.process || name.starts_with(&format!("{}/", line.process)) => {
                for (partition, (since, label)) in std::mem::take(&mut open) {
                    close(&partition, since, label, now);
                }
            }
            _ => {}
        }
    }
    for (partition, (since, label)) in open {
        close(&partition, since, label, end);
    }
    bands
}

/// The steps as marks, with the points at which they begin and end, in order of time.
fn marks(history: &History, story: &Story, views: &[LaneView]) -> (Vec<Point>, Vec<Mark>) {
    let mut times: Vec<Moment> =
        numbered(history).filter_map(|(number, event)| Some((event.t().map(nanos)?, number))).collect();
    times.sort_unstable();
    // What ends at a time ends after all that happens then.
    let last_at = |t: u64| times[..times.partition_point(|(at, _)| *at <= t)].last().map_or(0, |(_, number)| *number);
    let mut points: Vec<(usize, Point)> = Vec::new();
    let mut marks = Vec::new();
    for (at, step) in story.steps.iter().enumerate() {
        let line = &step.line;
        let lane = views.iter().position(|view| view.lane == line.lane).unwrap_or(0);
        let letters = u32::try_from(line.label.chars().count()).unwrap_or(u32::MAX);
        let room = (f64::from(letters) * LETTER + 30.0).max(44.0);
        let t = line.t.unwrap_or(story.window.1);
        points.push((at * 2, Point { t, number: step.order, lane, room }));
        let ends = line.end.filter(|end| *end > t);
        if let Some(end) = ends {
            points.push((at * 2 + 1, Point { t: end, number: last_at(end), lane, room: 0.0 }));
        }
        marks.push(Mark {
            number: at + 1,
            lane,
            sign: line.sign,
            label: line.label.clone(),
            answer: line.answer,
            is_operation: line.sign.is_operation(),
            is_witness: step.is_witness,
            begin: 0,
            end: ends.map(|_| 0),
            is_timeless: line.t.is_none(),
        });
    }
    points.sort_by_key(|(which, point)| (point.t, point.number, which % 2, *which));
    for (place, (which, _)) in points.iter().enumerate() {
        let mark = &mut marks[which / 2];
        if which % 2 == 0 { mark.begin = place } else { mark.end = Some(place) }
    }
    (points.into_iter().map(|(_, point)| point).collect(), marks)
}

/// From step to step along the witness, and between requests, appends and answers.
fn arrows(story: &Story) -> Vec<Arrow> {
    let mut arrows: Vec<Arrow> = Vec::new();
    for (from, send) in story.sends() {
        let ours = |step: &Told| match &step.event {
            Event::Append(append) => append.partition == send.to && append.marker.is_none(),
            _ => false,
        };
        let asked = story.steps[from].line.t;
        let mut appends = story.steps.iter().enumerate().filter(|(_, step)| ours(step) && step.line.t >= asked);
        let known = send.end.as_ref().and_then(|end| end.offset);
        let exact = appends.clone().find(|(_, step)| match &step.event {
            Event::Append(append) => Some(append.offset) == known,
            _ => false,
        });
        let Some((to, _)) = exact.or_else(|| appends.next()) else { continue };
        let one = Arrow { from, to, from_end: false, to_end: false, is_cause: false, label: "request" };
        arrows.push(one);
        if story.steps[from].line.end > asked {
            arrows.push(Arrow { from: to, to: from, from_end: false, to_end: true, is_cause: false, label: "answer" });
        }
    }
    let witness: Vec<usize> = (0..story.steps.len()).filter(|at| story.steps[*at].is_witness).collect();
    for pair in witness.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        // The red arrow says as much as the grey one.
        arrows.retain(|arrow| (arrow.from, arrow.to, arrow.to_end) != (from, to, false));
        arrows.push(Arrow { from, to, from_end: false, to_end: false, is_cause: true, label: "leads to" });
    }
    arrows
}
