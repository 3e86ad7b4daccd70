//! Gzip: members that may follow each other.

use super::Compression::Gzip;
use super::CompressionError;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::Write;

pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
    // Level 6, as Kafka's default of -1.
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).and_then(|()| encoder.finish()).map_err(|error| Gzip.malformed(error))
}

pub(super) fn decompress(data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    let mut out = Vec::new();
    Gzip.drain(MultiGzDecoder::new(data), &mut out, limit)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_may_follow_each_other() {
        let two = [compress(b"one ").unwrap(), compress(b"two").unwrap()].concat();
        assert_eq!(decompress(&two, 7).unwrap(), b"one two");
        assert_eq!(decompress(&two, 6), Err(Gzip.too_large(6)));
    }
}
