//! LZ4 frames as Kafka writes them: independent blocks of 64 KiB, no checksum of the content.

use super::Compression::Lz4;
use super::CompressionError;
use lz4_flex::frame::BlockMode;
use lz4_flex::frame::BlockSize;
use lz4_flex::frame::FrameDecoder;
use lz4_flex::frame::FrameEncoder;
use lz4_flex::frame::FrameInfo;
use std::io::Write;

pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(data).map_err(|error| Lz4.malformed(error))?;
    // An empty frame still needs its header, which the encoder writes with its first block.
    encoder.finish().map_err(|error| Lz4.malformed(error))
}

pub(super) fn decompress(data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    // The decoder takes no data at all for an empty frame; Kafka takes it for a cut one.
    if data.len() < 7 {
        return Err(Lz4.malformed("the frame's header is cut short"));
    }
    let mut out = Vec::new();
    Lz4.drain(FrameDecoder::new(data), &mut out, limit)?;
    Ok(out)
}

/// Accepts a wrong header checksum: for magic 0 and 1 Kafka computed it over the wrong bytes.
pub(super) fn decompress_legacy(data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    let Some(at) = header_checksum_at(data) else {
        return decompress(data, limit);
    };
    let right = xxh32_short(&data[4..at]).to_le_bytes()[1];
    if data[at] == right {
        return decompress(data, limit);
    }
    let mut repaired = data.to_vec();
    repaired[at] = right;
    decompress(&repaired, limit)
}

/// Where a frame keeps the checksum of its header: behind magic, flags, block size and two optional fields.
fn header_checksum_at(data: &[u8]) -> Option<usize> {
    let flags = *data.get(4)?;
    let at = 6 + if flags & 0x08 != 0 { 8 } else { 0 } + if flags & 0x01 != 0 { 4 } else { 0 };
    (at < data.len()).then_some(at)
}

/// XXH32 with seed 0 of fewer than 16 bytes, which is all that a frame's header has.
fn xxh32_short(data: &[u8]) -> u32 {
    const P1: u32 = 0x9e37_79b1;
    const P2: u32 = 0x85eb_ca77;
    const P3: u32 = 0xc2b2_ae3d;
    const P4: u32 = 0x27d4_eb2f;
    const P5: u32 = 0x1656_67b1;
    let length = u32::try_from(data.len()).expect("a header has at most 14 bytes");
    let mut hash = P5.wrapping_add(length);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let word = u32::from_le_bytes(word.try_into().expect("chunks of four"));
        hash = hash.wrapping_add(word.wrapping_mul(P3)).rotate_left(17).wrapping_mul(P4);
    }
    for &byte in words.remainder() {
        hash = hash.wrapping_add(u32::from(byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    hash = (hash ^ (hash >> 15)).wrapping_mul(P2);
    hash = (hash ^ (hash >> 13)).wrapping_mul(P3);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_what_kafka_writes() {
        let packed = compress(b"some data").unwrap();
        // Version 1 with independent blocks and nothing else; blocks of 64 KiB; its known checksum.
        assert_eq!(packed[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
    }

    #[test]
    fn a_wrong_header_checksum_passes_in_legacy_messages_alone() {
        let mut packed = compress(b"some data").unwrap();
        packed[6] ^= 0xff;
        assert!(decompress(&packed, 100).is_err());
        assert_eq!(decompress_legacy(&packed, 100).unwrap(), b"some data");
    }
}
