//! One accepted connection: frames in, frames out, one request at a time.

use super::clock::Clock;
use super::damage;
use super::shell::Delivery;
use super::shell::Shell;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::broker::Input;
use crate::net::Alarm;
use crate::net::FrameReader;
use crate::net::FrameWriter;
use crate::net::Stream;
use crate::wire::ResponseHeader;
use crate::wire::frame;
use bytes::Bytes;
use std::time::Duration;

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The largest request, in bytes.
    pub(super) request_bytes_max: usize,
    /// How long a client may say nothing; `None` for ever.
    pub(super) idle_max: Option<Duration>,
}

const CLOSED_BY_CLIENT: &str = "closed by the client";
const IDLE: &str = "idle for too long";

/// Serves a connection until either side ends it.
///
/// As on a real broker the next request is handled when the previous one has been answered, and a peer that
/// stops reading stops being read: at most one frame is read ahead. A connection on which nothing has come or gone
/// for `connections.max.idle.ms` is closed, also one that waits for an answer or does not take it.
pub(super) async fn serve(shell: &Shell, broker: BrokerId, stream: Stream, limits: Limits) {
    let Some((connection, mailbox)) = shell.connect(broker, stream.peer_address()) else { return };
    // The engine hears of the end even when this task is aborted in the middle.
    let mut farewell = Farewell { shell, connection, reason: "aborted".to_owned() };
    let (read, write) = stream.into_split();
    let mut reader = FrameReader::of(read, limits.request_bytes_max);
    let mut writer = FrameWriter::new(write);
    let mut ahead: Option<Bytes> = None;
    let mut idle = Idle { clock: shell.clock, max: limits.idle_max, alarm: Alarm::default() };
    farewell.reason = loop {
        let frame = match ahead.take() {
            Some(frame) => frame,
            None => tokio::select! {
                biased;
                delivery = mailbox.next() => match delivery {
                    Delivery::Close(reason) => break reason,
                    // Nothing is owed to the client here, so nothing else can come.
                    Delivery::Send { .. } | Delivery::Continue => continue,
                },
                frame = reader.next() => match frame {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break CLOSED_BY_CLIENT.to_owned(),
                    Err(error) => break error.to_string(),
                },
                () = idle.for_too_long() => break IDLE.to_owned(),
            },
        };
        let delivery = match shell.request(connection, decode(connection, frame)) {
            Some(delivery) => delivery,
            None => tokio::select! {
                biased;
                parked = mailbox.next() => parked,
                why = read_ahead(&mut reader, &mut ahead) => break why,
                () = idle.for_too_long() => break IDLE.to_owned(),
            },
        };
        match delivery {
            Delivery::Send { correlation_id, api_version, response, not_before, fault } => {
                if not_before > shell.clock.now() {
                    tokio::select! {
                        biased;
                        Delivery::Close(reason) = mailbox.next() => break reason,
                        why = read_ahead(&mut reader, &mut ahead) => break why,
                        () = shell.clock.sleep_until(not_before) => {}
                    }
                }
                let header = ResponseHeader { correlation_id: damage::correlation_id(fault, correlation_id) };
                let slices = match frame::encode_response(header, &response, api_version) {
                    Ok(slices) => slices,
                    Err(error) => break format!("{} cannot be written: {error}", response.api_key()),
                };
                drop(response);
                if let Some(fault) = fault {
                    let written = tokio::select! {
                        biased;
                        written = damage::write(fault, slices, &mut writer, shell.clock) => written,
                        Delivery::Close(reason) = mailbox.next() => break reason,
                        () = idle.for_too_long() => break IDLE.to_owned(),
                    };
                    match written {
                        Ok(None) => continue,
                        Ok(Some(why)) => break why,
                        Err(error) => break error.to_string(),
                    }
                }
                writer.push(slices);
                let written = tokio::select! {
                    biased;
                    written = writer.flush() => written,
                    Delivery::Close(reason) = mailbox.next() => break reason,
                    () = idle.for_too_long() => break IDLE.to_owned(),
                };
                if let Err(error) = written {
                    break error.to_string();
                }
            }
            Delivery::Continue => {}
            Delivery::Close(reason) => break reason,
        }
    };
}

/// Reads one frame ahead, which notices a client that goes away while its request waits; returns why it did.
async fn read_ahead(reader: &mut FrameReader, ahead: &mut Option<Bytes>) -> String {
    while ahead.is_none() {
        match reader.next().await {
            Ok(Some(frame)) => *ahead = Some(frame),
            Ok(None) => return CLOSED_BY_CLIENT.to_owned(),
            Err(error) => return error.to_string(),
        }
    }
    std::future::pending().await
}

/// Counts from the last frame that came or went.
struct Idle {
    clock: Clock,
    max: Option<Duration>,
    alarm: Alarm,
}

impl Idle {
    /// Waits until nothing has come or gone, from now on, for as long as that is allowed.
    async fn for_too_long(&mut self) {
        match self.max {
            Some(max) => self.clock.wait_until(self.clock.now().plus(max), &mut self.alarm).await,
            None => std::future::pending().await,
        }
    }
}

/// Tells the engine that a connection has ended, however it ended.
struct Farewell<'a> {
    shell: &'a Shell,
    connection: ConnectionId,
    reason: String,
}

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        tracing::debug!(connection = self.connection.0, reason = %self.reason, "connection ended");
        self.shell.disconnect(self.connection, &self.reason);
    }
}

/// Turns a frame into the engine's input.
fn decode(connection: ConnectionId, frame: Bytes) -> Input {
    match frame::decode_request(frame.clone()) {
        // What follows the request is of no use to anybody, and should not be kept alive by the journal.
        Ok((_, _, body)) if body.end < frame.len() => decode(connection, Bytes::copy_from_slice(&frame[..body.end])),
        Ok((header, request, body)) => Input::Request { connection, header, request, body: frame.slice(body) },
        Err((header, error)) => Input::Undecodable { connection, header, error },
    }
}
