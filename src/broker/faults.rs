//! Carrying faults out on requests and answers.
//!
//! Not here: which fault hits which request (`fault` decides), and what becomes of bytes (the connection does that).
//!
//! ```text
//! request --> meet --> decide --+--> no fault ----------------------> handler --> send --> answer
//!                               +--> before: refuse, hold, delay, ... |             |
//!                               +--> after: noted in `after` -------> +             +--> lose, hold, delay, damage
//! ```

use super::api;
use super::engine::Engine;
use super::outcome::RequestContext;
use super::plans::Plans;
use crate::base::ConnectionId;
use crate::base::ErrorCode;
use crate::base::Instant;
use crate::base::Seed;
use crate::base::Uuid;
use crate::fault::Action;
use crate::fault::Decision;
use crate::fault::Fault;
use crate::fault::FaultError;
use crate::fault::FaultId;
use crate::fault::FaultReport;
use crate::fault::Faults;
use crate::fault::Known;
use crate::fault::PlannedCommand;
use crate::fault::RowMatch;
use crate::fault::Stage;
use crate::fault::Subject;
use crate::fault::World as _;
use crate::fault::merge_rows;
use crate::fault::retain_rows;
use crate::journal::Event;
use crate::wire::ApiKey;
use crate::wire::Request;
use crate::wire::Response;
use crate::wire::codec::Records;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::VecDeque;

/// Who asks, as long as nobody proves to be somebody else.
const ANONYMOUS: &str = "User:ANONYMOUS";

/// The faults in force, and the requests and answers on which they have acted and that are not done yet.
pub(super) struct FaultLayer {
    rules: Faults,
    /// What becomes of the answer to the request that is being handled.
    after: BTreeMap<ConnectionId, After>,
    delayed: BTreeMap<(Instant, u64), Kept>,
    held: VecDeque<(FaultId, Kept)>,
    /// The journal's numbers of requests that are held and whose clients have hung up.
    late: BTreeMap<ConnectionId, u64>,
    /// Faults whose requests may go on.
    released: VecDeque<FaultId>,
    /// Connections on which no request is read until then.
    muted: BTreeMap<ConnectionId, Instant>,
    /// The commands of plans.
    pub(super) plans: Plans,
    next: u64,
}

/// A request or an answer that waits.
enum Kept {
    /// A request that no fault has seen.
    New(RequestContext, Request, Bytes),
    /// A request that has met its fault.
    Request(RequestContext, Request),
    /// An answer, and the faults whose requests go on when it is sent.
    Answer { connection: ConnectionId, api_version: i16, response: Response, releases: Vec<FaultId> },
}

/// What becomes of an answer.
#[derive(Default)]
struct After {
    /// The faults whose requests go on when it is sent.
    releases: Vec<FaultId>,
    change: Option<Change>,
}

enum Change {
    /// These rows of the request were refused and did not reach the handler.
    Add(Value),
    /// These topics or partitions get a code in the place of what is known of them.
    Hide(ErrorCode, RowMatch),
    /// A fault acts on the answer; with an error, this refuses the whole request.
    Fault(Box<Decision>, Option<Response>),
}

/// An error that the handler gives to some partitions in place of reading them.
#[derive(Debug)]
pub(crate) struct RefusedRows {
    code: ErrorCode,
    rows: RowMatch,
}

impl RefusedRows {
    /// The code for a partition, if it gets one.
    pub(crate) fn code_for(&self, topic: &str, partition: i32) -> Option<ErrorCode> {
        self.rows.fits_partition(topic, partition).then_some(self.code)
    }
}

impl FaultLayer {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            rules: Faults::new(seed),
            after: BTreeMap::new(),
            delayed: BTreeMap::new(),
            held: VecDeque::new(),
            late: BTreeMap::new(),
            released: VecDeque::new(),
            muted: BTreeMap::new(),
            plans: Plans::default(),
            next: 0,
        }
    }

    /// Whether requests need not be shown to it.
    pub(super) fn is_idle(&self) -> bool {
        self.rules.is_empty() && self.muted.is_empty() && !self.rules.any_holds_until()
    }

    /// When [`Engine::run_delayed`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.delayed.keys().next().map(|(at, _)| *at), self.plans.deadline()].into_iter().flatten().min()
    }

    /// Counts a command of a plan among the faults.
    pub(super) fn add_command(&mut self, planned: &PlannedCommand) -> FaultId {
        self.rules.add_command(planned)
    }

    /// Notes that a command has been given.
    pub(super) fn command_fired(&mut self, id: FaultId, now: Instant) {
        self.rules.command_fired(id, now);
    }

    /// When the fault or command of this name has fired first.
    pub(super) fn first_fired(&self, name: &str) -> Option<Instant> {
        self.rules.first_fired(name)
    }

    /// Forgets all that waits on a connection that has ended. A request that is held on its way arrives all the same if
    /// it was the client that hung up; `request` is its number in the journal then.
    pub(super) fn forget(&mut self, connection: ConnectionId, request: Option<u64>) {
        self.after.remove(&connection);
        self.muted.remove(&connection);
        self.delayed.retain(|_, kept| kept.connection() != connection);
        let arrives = |kept: &Kept| request.is_some() && matches!(kept, Kept::Request(..));
        self.held.retain(|(_, kept)| kept.connection() != connection || arrives(kept));
        if let Some(request) = request.filter(|_| self.held.iter().any(|(_, kept)| kept.connection() == connection)) {
            self.late.insert(connection, request);
        }
    }

    /// The number of a request whose client has hung up.
    pub(super) fn late(&self, connection: ConnectionId) -> Option<u64> {
        self.late.get(&connection).copied()
    }

    /// Its number, when it is answered.
    pub(super) fn take_late(&mut self, connection: ConnectionId) -> Option<u64> {
        self.late.remove(&connection)
    }

    fn delay(&mut self, until: Instant, kept: Kept) {
        self.next += 1;
        self.delayed.insert((until, self.next), kept);
    }

    fn change(&mut self, connection: ConnectionId, change: Change) {
        self.after.entry(connection).or_default().change = Some(change);
    }
}

impl Kept {
    fn connection(&self) -> ConnectionId {
        match self {
            Self::New(ctx, ..) | Self::Request(ctx, _) => ctx.connection,
            Self::Answer { connection, .. } => *connection,
        }
    }
}

impl Engine {
    /// Puts a fault into force. Rules are asked in the order in which they were injected.
    ///
    /// `heal_at` ends it at that time; `to_come` are the names of faults that will follow and that it may wait for.
    ///
    /// # Errors
    /// [`FaultError`] when it names something that does not exist or says something that cannot happen.
    pub fn inject(
        &mut self,
        now: Instant,
        fault: Fault,
        heal_at: Option<Instant>,
        to_come: &[String],
    ) -> Result<FaultId, FaultError> {
        self.check_served(&fault)?;
        let text = fault.to_string();
        let id = self.faults.rules.inject(fault, heal_at, to_come)?;
        self.note(now, || format!("inject {text}"));
        Ok(id)
    }

    pub(super) fn check_served(&self, fault: &Fault) -> Result<(), FaultError> {
        if let Some(api) = fault.api() {
            let Some(served) = api::served(self.state.release(), api) else {
                return Err(FaultError::NotServed { api, served: "no broker of this release has it".to_owned() });
            };
            if let Some(wanted) = fault.wanted_versions().filter(|wanted| wanted.intersection(served).is_empty()) {
                return Err(FaultError::NotServed { api, served: format!("versions {served}, not {wanted}") });
            }
        }
        Ok(())
    }

    /// Ends a fault; what it holds goes on.
    pub fn end_fault(&mut self, now: Instant, id: FaultId) {
        if !self.faults.rules.is_in_force(id) {
            return;
        }
        if let Some(report) = self.faults.rules.report(id) {
            self.note(now, || format!("end {}", report.name));
        }
        self.faults.plans.cancel(id);
        self.faults.rules.end(id);
        self.release_fault(now, id);
    }

    /// Lets go on what a fault holds.
    pub fn release_fault(&mut self, now: Instant, id: FaultId) {
        self.faults.released.push_back(id);
        self.wake_touched(now);
    }

    /// What has become of a fault that is in force.
    pub fn fault_report(&self, id: FaultId) -> Option<FaultReport> {
        self.faults.rules.report(id)
    }

    /// How often a fault that is in force has fired.
    pub fn fault_fired(&self, id: FaultId) -> Option<u64> {
        self.faults.rules.fired(id)
    }

    /// What has become of all faults: those that have ended, then those in force.
    pub fn fault_reports(&self) -> Vec<FaultReport> {
        self.faults.rules.reports()
    }

    /// Shows a request to the faults before it is handled.
    pub(super) fn meet_faults(&mut self, ctx: RequestContext, request: Request, body: Bytes) {
        if let Some(until) = self.faults.muted.remove(&ctx.connection).filter(|until| ctx.now < *until) {
            self.faults.muted.insert(ctx.connection, until);
            self.faults.delay(until, Kept::New(ctx, request, body));
            return;
        }
        let (decision, releases) = {
            let client_id = ctx.client_id.as_deref();
            let subject = Subject {
                request: &request,
                api_version: ctx.api_version,
                client_id,
                principal: ANONYMOUS,
                connection: ctx.connection,
                broker: ctx.broker,
                body: &body,
                world: &self.state,
                known: Known::default(),
            };
            let decision = self.faults.rules.decide(ctx.now, &subject);
            let own = decision.as_ref().map(|decision| decision.id);
            (decision, self.faults.rules.released_by(&subject, own))
        };
        if !releases.is_empty() {
            self.faults.after.entry(ctx.connection).or_default().releases = releases;
        }
        let Some(decision) = decision else { return self.handle(ctx, request) };
        match decision.stage {
            Stage::Request => self.act_on_request(ctx, request, decision),
            Stage::Answer | Stage::Bytes => self.act_later(ctx, request, decision),
        }
    }

    fn act_on_request(&mut self, ctx: RequestContext, mut request: Request, decision: Decision) {
        self.note_fault(&ctx, &decision);
        match decision.action {
            Action::Error(code) => self.refuse(ctx, request, code, &decision.rows),
            Action::Delay(_) => self.faults.delay(ctx.now.plus(decision.delay), Kept::Request(ctx, request)),
            Action::Drop => self.leave_unanswered(ctx.now, ctx.connection),
            Action::Close => self.close_by_fault(ctx.now, ctx.connection, &decision),
            Action::Silence => self.fall_silent(ctx.now, ctx.connection),
            Action::Hold | Action::HoldUntil(_) => {
                self.faults.held.push_back((decision.id, Kept::Request(ctx, request)));
            }
            Action::Duplicate => {
                // The answer to the first is lost, also if it would have had to wait.
                drop(api::dispatch(&mut self.state, &ctx, request.clone()));
                self.handle(ctx, request);
            }
            Action::CorruptRecords => {
                corrupt_request(&mut request, &decision.rows, |id| self.state.topic_name(id));
                self.handle(ctx, request);
            }
            Action::Command(command) => {
                self.carry_out(ctx.now, &command, None);
                // The request may have been on its way to a broker that is dead now.
                if !self.is_closing(ctx.connection) {
                    self.handle(ctx, request);
                }
            }
            _ => self.handle(ctx, request),
        }
    }

    fn is_closing(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_none_or(|known| known.closing)
    }

    fn act_later(&mut self, ctx: RequestContext, request: Request, decision: Decision) {
        let mut refused = None;
        if let Action::Error(code) = decision.action {
            if Self::is_read_only(&request) {
                // Nothing is applied, so there is no later.
                self.note_fault(&ctx, &decision);
                return self.refuse(ctx, request, code, &decision.rows);
            }
            refused = api::refuse(&request, code);
        }
        // Whether there is anything to corrupt is known with the answer.
        if decision.action != Action::CorruptRecords {
            self.note_fault(&ctx, &decision);
        }
        self.faults.change(ctx.connection, Change::Fault(Box::new(decision), refused));
        self.handle(ctx, request);
    }

    /// APIs whose rows are answered with an error beside what else the answer says.
    fn is_read_only(request: &Request) -> bool {
        matches!(request, Request::Fetch(_) | Request::Metadata(_) | Request::DescribeTopicPartitions(_))
    }

    /// Answers with a code in the place of what was matched; the rest is handled.
    fn refuse(&mut self, mut ctx: RequestContext, request: Request, code: ErrorCode, rows: &RowMatch) {
        let of_session = [
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
            ErrorCode::INVALID_FETCH_SESSION_EPOCH,
            ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
        ];
        match &request {
            Request::Produce(produce) if produce.acks == 0 => {
                // As a broker does, which has no other way to say it.
                return self.close(ctx.connection, "a produce request with acks=0 failed".to_owned());
            }
            Request::Fetch(_) if of_session.contains(&code) => {
                let response = Response::Fetch(api::refused_session(code));
                return self.send(ctx.now, ctx.connection, ctx.api_version, response);
            }
            Request::Fetch(_) => {
                ctx.refused = Some(RefusedRows { code, rows: rows.clone() }.into());
                return self.handle(ctx, request);
            }
            Request::Metadata(_) | Request::DescribeTopicPartitions(_) => {
                self.faults.change(ctx.connection, Change::Hide(code, rows.clone()));
                return self.handle(ctx, request);
            }
            _ => {}
        }
        let Some(refused) = api::refuse(&request, code) else { return self.handle(ctx, request) };
        match self.without(&ctx, &request, rows) {
            Some(rest) => {
                let added = self.rows_of(&refused, ctx.api_version, rows);
                self.faults.change(ctx.connection, Change::Add(added));
                self.handle(ctx, rest);
            }
            None => self.send(ctx.now, ctx.connection, ctx.api_version, refused),
        }
    }

    /// The request without the rows that fit; `None` when nothing is left.
    fn without(&self, ctx: &RequestContext, request: &Request, rows: &RowMatch) -> Option<Request> {
        if rows.is_everything() {
            return None;
        }
        let (api, version) = (request.api_key(), ctx.api_version);
        let mut json = request.to_json(version).ok()?;
        let mut is_left = false;
        let names = |id| self.state.topic_name(id);
        retain_rows(api.request_facts().body, &mut json, &names, &mut |row| {
            let stays = !rows.fits(row);
            is_left |= stays;
            stays
        });
        if is_left { Request::from_json(api, &json, version).ok() } else { None }
    }

    /// The rows of an answer that fit.
    fn rows_of(&self, response: &Response, version: i16, rows: &RowMatch) -> Value {
        let facts = response.api_key().response_facts().body;
        let rows = rows.as_told_by(facts);
        let mut json = response.to_json(version).unwrap_or_default();
        retain_rows(facts, &mut json, &|id| self.state.topic_name(id), &mut |row| rows.fits(row));
        json
    }

    /// An answer in which the rows that fit are those of another one.
    fn with_rows(&self, response: &Response, version: i16, rows: &RowMatch, refused: &Response) -> Option<Response> {
        let api = response.api_key();
        let facts = api.response_facts().body;
        let added = self.rows_of(refused, version, rows);
        let told = rows.as_told_by(facts);
        let mut json = response.to_json(version).ok()?;
        retain_rows(facts, &mut json, &|id| self.state.topic_name(id), &mut |row| !told.fits(row));
        merge_rows(facts, &mut json, added);
        Response::from_json(api, &json, version).ok()
    }

    /// Does what a fault has in mind for an answer, and sends it unless that is to keep it.
    pub(super) fn send_past_faults(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        api_version: i16,
        mut response: Response,
    ) {
        let After { releases, change } = self.faults.after.remove(&connection).unwrap_or_default();
        let mut on_bytes = None;
        match change {
            None => {}
            Some(Change::Add(rows)) => {
                let api = response.api_key();
                if let Ok(mut json) = response.to_json(api_version) {
                    merge_rows(api.response_facts().body, &mut json, rows);
                    response = Response::from_json(api, &json, api_version).unwrap_or(response);
                }
            }
            Some(Change::Hide(code, rows)) => hide(&mut response, code, &rows),
            Some(Change::Fault(decision, refused)) => match &decision.action {
                Action::Error(_) => {
                    let is_whole = decision.rows.is_everything();
                    let merged = refused.map(|refused| match is_whole {
                        true => Some(refused),
                        false => self.with_rows(&response, api_version, &decision.rows, &refused),
                    });
                    response = merged.flatten().unwrap_or(response);
                }
                Action::Delay(_) => {
                    let kept = Kept::Answer { connection, api_version, response, releases };
                    return self.faults.delay(now.plus(decision.delay), kept);
                }
                Action::Drop => {
                    self.faults.released.extend(releases);
                    return self.leave_unanswered(now, connection);
                }
                Action::Close => return self.close_by_fault(now, connection, &decision),
                Action::Silence => return self.fall_silent(now, connection),
                Action::Hold | Action::HoldUntil(_) => {
                    let kept = Kept::Answer { connection, api_version, response, releases };
                    return self.faults.held.push_back((decision.id, kept));
                }
                Action::CorruptRecords => {
                    if corrupt_answer(&mut response, &decision.rows, |id| self.state.topic_name(id)) {
                        self.note_fault_on(now, connection, &decision);
                    } else {
                        // An answer without records is no answer that was hit.
                        self.faults.rules.take_back(decision.id);
                    }
                }
                Action::Command(command) => {
                    self.carry_out(now, command, None);
                    if self.is_closing(connection) {
                        return self.note_unanswered(now, connection);
                    }
                }
                Action::Throttle { ms } => {
                    response = throttled(&response, api_version, *ms).unwrap_or(response);
                    self.faults.muted.insert(connection, now.plus_ms((*ms).into()));
                }
                other => on_bytes = other.on_bytes(),
            },
        }
        self.answer(now, connection, api_version, response, on_bytes);
        self.faults.released.extend(releases);
    }

    /// Whether an answer must go through [`Engine::send_past_faults`].
    pub(super) fn is_awaited_by_faults(&self, connection: ConnectionId) -> bool {
        !self.faults.after.is_empty() && self.faults.after.contains_key(&connection)
    }

    /// A request is done that has no answer.
    pub(super) fn finish_without_answer(&mut self, connection: ConnectionId) {
        if let Some(after) = self.faults.after.remove(&connection) {
            self.faults.released.extend(after.releases);
        }
    }

    /// Goes on with what was delayed until `now`.
    pub(super) fn run_delayed(&mut self, now: Instant) {
        while self.faults.delayed.keys().next().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, kept)) = self.faults.delayed.pop_first() {
                self.go_on(now, kept);
            }
        }
    }

    /// Goes on with what was held and is released; whether there was anything.
    pub(super) fn run_released(&mut self, now: Instant) -> bool {
        let Some(id) = self.faults.released.pop_front() else { return false };
        while let Some(at) = self.faults.held.iter().position(|(holder, _)| *holder == id) {
            if let Some((_, kept)) = self.faults.held.remove(at) {
                self.go_on(now, kept);
            }
        }
        true
    }

    fn go_on(&mut self, now: Instant, kept: Kept) {
        let timestamp = self.state.timestamp(now);
        let late = match &kept {
            Kept::Request(ctx, _) => {
                !self.connections.contains_key(&ctx.connection) && self.state.brokers.is_running(ctx.broker)
            }
            _ => false,
        };
        if self.is_closing(kept.connection()) && !late {
            return;
        }
        match kept {
            Kept::New(ctx, request, body) => {
                let ctx = RequestContext { now, timestamp, ..ctx };
                self.faults.muted.remove(&ctx.connection);
                self.meet_faults(ctx, request, body);
            }
            Kept::Request(ctx, request) => self.handle(RequestContext { now, timestamp, ..ctx }, request),
            Kept::Answer { connection, api_version, response, releases } => {
                self.answer(now, connection, api_version, response, None);
                self.faults.released.extend(releases);
            }
        }
    }

    fn note_fault(&mut self, ctx: &RequestContext, decision: &Decision) {
        self.note_fault_on(ctx.now, ctx.connection, decision);
    }

    fn note_fault_on(&mut self, now: Instant, connection: ConnectionId, decision: &Decision) {
        let request = self.current_request(connection);
        let event = Event::Fault { request, fault: decision.name.clone(), action: decision.action.to_string().into() };
        self.journal.record(now, event);
    }

    fn close_by_fault(&mut self, now: Instant, connection: ConnectionId, decision: &Decision) {
        self.note_unanswered(now, connection);
        self.close(connection, format!("fault: {}", decision.name));
    }

    fn leave_unanswered(&mut self, now: Instant, connection: ConnectionId) {
        self.faults.after.remove(&connection);
        self.note_unanswered(now, connection);
        self.go_on_reading(now, connection);
    }

    /// Without an output for it the connection reads no further request.
    fn fall_silent(&mut self, now: Instant, connection: ConnectionId) {
        self.faults.after.remove(&connection);
        self.note_unanswered(now, connection);
    }
}

/// Puts a code where topics or partitions would be described.
fn hide(response: &mut Response, code: ErrorCode, rows: &RowMatch) {
    match response {
        Response::Metadata(metadata) => {
            if rows.is_everything() {
                metadata.error_code = code.code();
            }
            for topic in &mut metadata.topics {
                let name = topic.name.as_deref().unwrap_or_default();
                if rows.partition.is_none() && rows.fits_topic(name) {
                    topic.error_code = code.code();
                    topic.partitions.clear();
                }
                for partition in &mut topic.partitions {
                    if rows.fits_partition(name, partition.partition_index) {
                        partition.error_code = code.code();
                        partition.leader_id = -1;
                    }
                }
            }
        }
        Response::DescribeTopicPartitions(described) => {
            for topic in &mut described.topics {
                let name = topic.name.as_deref().unwrap_or_default();
                if rows.partition.is_none() && rows.fits_topic(name) {
                    topic.error_code = code.code();
                    topic.partitions.clear();
                }
                for partition in &mut topic.partitions {
                    if rows.fits_partition(name, partition.partition_index) {
                        partition.error_code = code.code();
                        partition.leader_id = -1;
                    }
                }
            }
        }
        _ => {}
    }
}

/// The answer with a time for which the client is throttled; `None` in a version that cannot say it.
fn throttled(response: &Response, version: i16, ms: u32) -> Option<Response> {
    let api: ApiKey = response.api_key();
    let mut json = response.to_json(version).ok()?;
    *json.get_mut("throttle_time_ms")? = i32::try_from(ms).unwrap_or(i32::MAX).into();
    Response::from_json(api, &json, version).ok()
}

fn corrupt_request(request: &mut Request, rows: &RowMatch, name_of: impl Fn(Uuid) -> Option<String>) {
    let Request::Produce(produce) = request else { return };
    for topic in &mut produce.topic_data {
        let name = if topic.name.is_empty() { name_of(topic.topic_id) } else { Some(topic.name.to_string()) };
        let name = name.unwrap_or_default();
        let partitions = topic.partition_data.iter_mut().filter(|row| rows.fits_partition(&name, row.index));
        partitions.for_each(|row| flip_bit(row.records.as_mut()));
    }
}

/// Whether there were records to corrupt.
fn corrupt_answer(response: &mut Response, rows: &RowMatch, name_of: impl Fn(Uuid) -> Option<String>) -> bool {
    let Response::Fetch(fetch) = response else { return false };
    let mut is_hit = false;
    for topic in &mut fetch.responses {
        let name = if topic.topic.is_empty() { name_of(topic.topic_id) } else { Some(topic.topic.to_string()) };
        let name = name.unwrap_or_default();
        for row in topic.partitions.iter_mut().filter(|row| rows.fits_partition(&name, row.partition_index)) {
            is_hit |= row.records.as_ref().is_some_and(|records| !records.is_empty());
            flip_bit(row.records.as_mut());
        }
    }
    is_hit
}

/// Flips a bit of the last byte, which the last batch's CRC covers. The log's own bytes stay as they are.
fn flip_bit(records: Option<&mut Records>) {
    let Some(records) = records else { return };
    let mut slices = records.slices().to_vec();
    let Some(last) = slices.iter_mut().rev().find(|slice| !slice.is_empty()) else { return };
    let mut bytes = last.to_vec();
    if let Some(byte) = bytes.last_mut() {
        *byte ^= 1;
    }
    *last = Bytes::from(bytes);
    *records = Records::from_slices(slices);
}
