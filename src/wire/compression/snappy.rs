//! Snappy, framed as xerial's Java library does, and raw.

use super::Compression::Snappy;
use super::CompressionError;
use snap::raw::Decoder;
use snap::raw::Encoder;

/// Stands before the framing's version and its lowest compatible version, two big-endian integers.
const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const VERSION: u32 = 1;
/// The Java library's block size, in bytes.
const BLOCK_SIZE: usize = 32 * 1024;
/// No snappy block grows by more: 64 bytes come from three.
const RATIO_MAX: usize = 22;

pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let mut out = Vec::with_capacity(16 + data.len() / 2);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&VERSION.to_be_bytes());
    let mut encoder = Encoder::new();
    for block in data.chunks(BLOCK_SIZE) {
        let packed = encoder.compress_vec(block).map_err(|error| Snappy.malformed(error))?;
        let length = u32::try_from(packed.len()).expect("a packed block is little larger than 32 KiB");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&packed);
    }
    Ok(out)
}

pub(super) fn decompress(data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    let mut out = Vec::new();
    let Some(framed) = data.strip_prefix(MAGIC) else {
        block(data, &mut out, limit)?;
        return Ok(out);
    };
    // The versions say nothing that a reader needs: there has only ever been one.
    let mut rest = framed.get(8..).ok_or_else(|| Snappy.malformed("the framing's header is cut short"))?;
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        // Streams that were concatenated bring their own headers along.
        if let Some(next) = rest.strip_prefix(MAGIC) {
            rest = next.get(8..).ok_or_else(|| Snappy.malformed("the framing's header is cut short"))?;
            continue;
        }
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (packed, tail) = tail.split_at_checked(length).ok_or_else(|| Snappy.malformed("a block is cut short"))?;
        block(packed, &mut out, limit)?;
        rest = tail;
    }
    if rest.is_empty() { Ok(out) } else { Err(Snappy.malformed("a block's length is cut short")) }
}

/// Appends one raw block's data to `out`.
fn block(packed: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), CompressionError> {
    let claimed = snap::raw::decompress_len(packed).map_err(|error| Snappy.malformed(error))?;
    if claimed > limit - out.len() {
        return Err(Snappy.too_large(limit));
    }
    // The claim is believed only as far as the block's size can make it true.
    if claimed > packed.len().saturating_mul(RATIO_MAX) {
        return Err(Snappy.malformed("a block claims more data than it can hold"));
    }
    let start = out.len();
    out.resize(start + claimed, 0);
    let written = Decoder::new().decompress(packed, &mut out[start..]).map_err(|error| Snappy.malformed(error))?;
    out.truncate(start + written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_blocks_are_read_too() {
        let raw = Encoder::new().compress_vec(b"no framing").unwrap();
        assert_eq!(decompress(&raw, 100).unwrap(), b"no framing");
    }

    #[test]
    fn streams_may_follow_each_other() {
        let two = [compress(b"one ").unwrap(), compress(b"two").unwrap()].concat();
        assert_eq!(decompress(&two, 7).unwrap(), b"one two");
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        // 0xfffff... as a varint: 4 GiB - 1 in five bytes.
        let result = decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0], usize::MAX);
        assert!(matches!(result, Err(CompressionError::Malformed { .. })), "{result:?}");
    }
}
