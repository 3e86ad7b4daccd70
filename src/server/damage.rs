//! What a fault does to the bytes of an answer on their way to the client.
//!
//! Not here: which answer is hit; the engine says so with the answer.

use super::clock::Clock;
use crate::fault::BytesFault;
use crate::net::FrameWriter;
use bytes::Bytes;
use std::time::Duration;

/// How often slow bytes come; slower than one byte in this time, one byte comes at a time.
const TICK: Duration = Duration::from_millis(10);

/// The number under which an answer goes out.
pub(super) fn correlation_id(fault: Option<BytesFault>, own: i32) -> i32 {
    match fault {
        Some(BytesFault::WrongCorrelationId) => own.wrapping_add(1),
        _ => own,
    }
}

/// Writes an answer as a fault wants it; why the connection has to be closed after it, if it has to.
///
/// # Errors
/// What the transport says.
pub(super) async fn write(
    fault: BytesFault,
    frame: Vec<Bytes>,
    writer: &mut FrameWriter,
    clock: Clock,
) -> std::io::Result<Option<String>> {
    match fault {
        BytesFault::Duplicate => {
            writer.push(frame.clone());
            writer.write(frame).await?;
        }
        BytesFault::Truncate { bytes } => {
            let whole = Bytes::from(frame.concat());
            let bytes = bytes.min(whole.len());
            writer.write([whole.slice(..bytes)]).await?;
            return Ok(Some(format!("fault: closed after {bytes} bytes of an answer of {}", whole.len())));
        }
        BytesFault::Oversize { length } => {
            let mut whole = frame.concat();
            whole[..4].copy_from_slice(&length.to_be_bytes());
            writer.write([Bytes::from(whole)]).await?;
        }
        BytesFault::Slow { bytes_per_second } => {
            let per_tick = bytes_per_second.saturating_mul(10) / 1000;
            let (piece, pause) = match usize::try_from(per_tick).unwrap_or(usize::MAX) {
                0 => (1, Duration::from_micros(1_000_000 / bytes_per_second.max(1))),
                bytes => (bytes, TICK),
            };
            let mut rest = Bytes::from(frame.concat());
            while !rest.is_empty() {
                writer.write([rest.split_to(piece.min(rest.len()))]).await?;
                clock.sleep_until(clock.now().plus(pause)).await;
            }
        }
        BytesFault::Chunks { bytes } => {
            let mut rest = Bytes::from(frame.concat());
            while !rest.is_empty() {
                writer.write([rest.split_to(bytes.clamp(1, rest.len()))]).await?;
                // The reader gets each piece for itself.
                tokio::task::yield_now().await;
            }
        }
        BytesFault::WrongCorrelationId => writer.write(frame).await?,
    }
    Ok(None)
}
