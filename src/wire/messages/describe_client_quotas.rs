//! `DescribeClientQuotas` (key 48): lists quotas.

use bytestring::ByteString;

message! {
    /// Lists quotas.
    request DescribeClientQuotasRequest(key 48, versions 0..=1, flexible 1..) {
        components: Vec<ComponentData> [0..],
        strict: bool [0..],
    }

    /// Part of [`DescribeClientQuotasRequest`].
    struct ComponentData {
        entity_type: ByteString [0..],
        match_type: i8 [0..],
        r#match: Option<ByteString> [0..] nullable [0..],
    }

    /// Answers [`DescribeClientQuotasRequest`].
    response DescribeClientQuotasResponse(key 48, versions 0..=1, flexible 1..) {
        throttle_time_ms: i32 [0..],
        error_code: i16 [0..],
        error_message: Option<ByteString> [0..] nullable [0..],
        entries: Option<Vec<EntryData>> [0..] nullable [0..],
    }

    /// Part of [`DescribeClientQuotasResponse`].
    struct EntryData {
        entity: Vec<EntityData> [0..],
        values: Vec<ValueData> [0..],
    }

    /// Part of [`EntryData`].
    struct EntityData {
        entity_type: ByteString [0..],
        entity_name: Option<ByteString> [0..] nullable [0..],
    }

    /// Part of [`EntryData`].
    struct ValueData {
        key: ByteString [0..],
        value: f64 [0..],
    }
}
