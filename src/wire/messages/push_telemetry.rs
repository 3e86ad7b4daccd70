//! `PushTelemetry` (key 72): receives a client's metrics.

use crate::base::Uuid;
use bytes::Bytes;

message! {
    /// Receives a client's metrics.
    request PushTelemetryRequest(key 72, versions 0..=0, flexible 0..) {
        client_instance_id: Uuid [0..],
        subscription_id: i32 [0..],
        terminating: bool [0..],
        compression_type: i8 [0..],
        metrics: Bytes [0..],
    }

    /// Answers [`PushTelemetryRequest`].
    response PushTelemetryResponse(key 72, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
    }
}
