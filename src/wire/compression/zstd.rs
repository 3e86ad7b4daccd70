//! Zstandard: in Rust, or by the C library with the feature `zstd-c`.

use super::Compression::Zstd;
use super::CompressionError;

/// The window a reader accepts: as far as the limit asks, within 8 MiB (the format's advice) and 128 MiB (Java's).
fn window_max(limit: usize) -> u64 {
    let limit = limit.clamp(8 << 20, 128 << 20).next_power_of_two();
    u64::try_from(limit).expect("128 MiB at most")
}

#[cfg(feature = "zstd-c")]
pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
    // Level 3 is Kafka's default and the library's.
    ::zstd::stream::encode_all(data, 3).map_err(|error| Zstd.malformed(error))
}

#[cfg(feature = "zstd-c")]
pub(super) fn decompress(data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    if data.is_empty() {
        return Err(Zstd.malformed("there is no frame"));
    }
    let mut decoder = ::zstd::stream::read::Decoder::with_buffer(data).map_err(|error| Zstd.malformed(error))?;
    decoder.window_log_max(window_max(limit).ilog2()).map_err(|error| Zstd.malformed(error))?;
    let mut out = Vec::new();
    Zstd.drain(decoder, &mut out, limit)?;
    Ok(out)
}

#[cfg(not(feature = "zstd-c"))]
pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
    Ok(ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest))
}

#[cfg(not(feature = "zstd-c"))]
pub(super) fn decompress(data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    use ruzstd::decoding::StreamingDecoder;
    if data.is_empty() {
        return Err(Zstd.malformed("there is no frame"));
    }
    let mut out = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let mut decoder = StreamingDecoder::new_with_max_window_size(&mut rest, window_max(limit))
            .map_err(|error| Zstd.malformed(error))?;
        Zstd.drain(&mut decoder, &mut out, limit)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_may_follow_each_other() {
        let two = [compress(b"one ").unwrap(), compress(b"two").unwrap()].concat();
        assert_eq!(decompress(&two, 7).unwrap(), b"one two");
        assert_eq!(decompress(&two, 6), Err(Zstd.too_large(6)));
    }
}
