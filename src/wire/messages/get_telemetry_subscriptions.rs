//! `GetTelemetrySubscriptions` (key 71): tells a client which metrics to push.

use crate::base::Uuid;
use bytestring::ByteString;

message! {
    /// Tells a client which metrics to push.
    request GetTelemetrySubscriptionsRequest(key 71, versions 0..=0, flexible 0..) {
        client_instance_id: Uuid [0..],
    }

    /// Answers [`GetTelemetrySubscriptionsRequest`].
    response GetTelemetrySubscriptionsResponse(key 71, versions 0..=0, flexible 0..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        client_instance_id: Uuid [0..],
        subscription_id: i32 [0..],
        accepted_compression_types: Vec<i8> [0..],
        push_interval_ms: i32 [0..],
        telemetry_max_bytes: i32 [0..],
        delta_temporality: bool [0..],
        requested_metrics: Vec<ByteString> [0..],
    }
}
