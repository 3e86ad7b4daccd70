//! `AlterClientQuotas` (key 49): changes quotas.

use bytestring::ByteString;

message! {
    /// Changes quotas.
    request AlterClientQuotasRequest(key 49, versions 0..=1, flexible 1..) {
        entries: Vec<EntryData> [0..],
        validate_only: bool [0..],
    }

    /// Part of [`AlterClientQuotasRequest`].
    struct EntryData {
        entity: Vec<EntityData> [0..],
        ops: Vec<OpData> [0..],
    }

    /// Part of [`EntryData`].
    struct EntityData {
        entity_type: ByteString [0..],
        entity_name: Option<ByteString> [0..] nullable [0..],
    }

    /// Part of [`EntryData`].
    struct OpData {
        key: ByteString [0..],
        value: f64 [0..],
        remove: bool [0..],
    }

    /// Answers [`AlterClientQuotasRequest`].
    response AlterClientQuotasResponse(key 49, versions 0..=1, flexible 1..) {
        throttle_time_ms: i32 [0..],
        entries: Vec<ResponseEntryData> [0..],
    }

    /// Part of [`AlterClientQuotasResponse`].
    struct ResponseEntryData {
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        entity: Vec<ResponseEntityData> [0..],
    }

    /// Part of [`ResponseEntryData`].
    struct ResponseEntityData {
        entity_type: ByteString [0..],
        entity_name: Option<ByteString> [0..] nullable [0..],
    }
}
