//! The five codecs of record batches, every one under an output limit.
//!
//! Not here: which codec a topic or a producer asks for.

#[cfg(feature = "compression")]
mod gzip;
#[cfg(feature = "compression")]
mod lz4;
#[cfg(feature = "compression")]
mod snappy;
#[cfg(feature = "compression")]
mod zstd;

use std::fmt;
use std::str::FromStr;

/// How the records of a batch are compressed: bits 0 to 2 of its attributes.
///
/// ```
/// use rehearsal::wire::compression::Compression;
/// let packed = Compression::Lz4.compress(&[7; 1000])?;
/// assert_eq!(Compression::Lz4.decompress(&packed, 1000)?, [7; 1000]);
/// assert!(Compression::Lz4.decompress(&packed, 999).is_err());
/// # Ok::<(), rehearsal::wire::compression::CompressionError>(())
/// ```
/// Source: `org.apache.kafka.common.record.CompressionType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// The records as they are.
    #[default]
    None,
    /// Members of gzip, one or several.
    Gzip,
    /// Snappy blocks in the framing of xerial's Java library; a raw block is read as well.
    Snappy,
    /// One LZ4 frame of independent blocks.
    Lz4,
    /// Zstandard frames.
    Zstd,
}

/// Why data cannot be compressed or decompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressionError {
    /// The crate was built without this codec.
    NotBuiltIn(Compression),
    /// The data would exceed the limit (in bytes) once it is decompressed.
    TooLarge {
        /// The codec.
        codec: Compression,
        /// The limit that was set, in bytes.
        limit: usize,
    },
    /// The bytes are not what the codec writes.
    Malformed {
        /// The codec.
        codec: Compression,
        /// What the codec says about it.
        reason: String,
    },
}

/// A text that names no codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCompression;

impl Compression {
    /// Every codec, by id.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with this id (0 to 4), or `None`.
    pub const fn from_id(id: i16) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The id in a batch's attributes.
    pub const fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Kafka's name, as in `compression.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Whether this build of the crate can compress and decompress with it.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip | Self::Snappy | Self::Lz4 | Self::Zstd => cfg!(feature = "compression"),
        }
    }

    /// Compresses `data` at the level that is Kafka's default.
    ///
    /// # Errors
    /// [`CompressionError::NotBuiltIn`].
    pub fn compress(self, data: &[u8]) -> Result<Vec<u8>, CompressionError> {
        match self {
            Self::None => Ok(data.to_vec()),
            #[cfg(feature = "compression")]
            Self::Gzip => gzip::compress(data),
            #[cfg(feature = "compression")]
            Self::Snappy => snappy::compress(data),
            #[cfg(feature = "compression")]
            Self::Lz4 => lz4::compress(data),
            #[cfg(feature = "compression")]
            Self::Zstd => zstd::compress(data),
            #[cfg(not(feature = "compression"))]
            _ => Err(CompressionError::NotBuiltIn(self)),
        }
    }

    /// Decompresses `data` into at most `limit` bytes.
    ///
    /// The output grows with what is really decoded: a length that the data merely claims allocates nothing.
    ///
    /// # Errors
    /// [`CompressionError::TooLarge`] beyond the limit, [`CompressionError::Malformed`], [`CompressionError::NotBuiltIn`].
    pub fn decompress(self, data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        match self {
            Self::None if data.len() > limit => Err(self.too_large(limit)),
            Self::None => Ok(data.to_vec()),
            #[cfg(feature = "compression")]
            Self::Gzip => gzip::decompress(data, limit),
            #[cfg(feature = "compression")]
            Self::Snappy => snappy::decompress(data, limit),
            #[cfg(feature = "compression")]
            Self::Lz4 => lz4::decompress(data, limit),
            #[cfg(feature = "compression")]
            Self::Zstd => zstd::decompress(data, limit),
            #[cfg(not(feature = "compression"))]
            _ => Err(CompressionError::NotBuiltIn(self)),
        }
    }

    /// Decompresses a message of magic 0 or 1, whose LZ4 frames carry a wrong header checksum.
    ///
    /// # Errors
    /// As [`Compression::decompress`].
    pub(crate) fn decompress_legacy(self, data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        match self {
            #[cfg(feature = "compression")]
            Self::Lz4 => lz4::decompress_legacy(data, limit),
            _ => self.decompress(data, limit),
        }
    }

    const fn too_large(self, limit: usize) -> CompressionError {
        CompressionError::TooLarge { codec: self, limit }
    }

    #[cfg(feature = "compression")]
    fn malformed(self, reason: impl fmt::Display) -> CompressionError {
        CompressionError::Malformed { codec: self, reason: reason.to_string() }
    }

    /// Drains a decoder into a vector that grows with its output, up to `limit` bytes.
    #[cfg(feature = "compression")]
    fn drain(self, decoder: impl std::io::Read, out: &mut Vec<u8>, limit: usize) -> Result<(), CompressionError> {
        use std::io::Read;
        // One byte more than allowed shows that the limit is exceeded.
        let room = u64::try_from(limit.saturating_sub(out.len())).unwrap_or(u64::MAX).saturating_add(1);
        decoder.take(room).read_to_end(out).map_err(|error| self.malformed(error))?;
        if out.len() > limit { Err(self.too_large(limit)) } else { Ok(()) }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        Self::ALL.into_iter().find(|codec| codec.name() == name).ok_or(UnknownCompression)
    }
}

impl fmt::Display for UnknownCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a compression type: none, gzip, snappy, lz4 or zstd is expected")
    }
}

impl std::error::Error for UnknownCompression {}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuiltIn(codec) => {
                write!(f, "{codec} is not built in: enable the feature `compression` of the crate `rehearsal`")
            }
            Self::TooLarge { codec, limit } => write!(f, "{codec} data exceeds {limit} bytes when decompressed"),
            Self::Malformed { codec, reason } => write!(f, "not {codec} data: {reason}"),
        }
    }
}

impl std::error::Error for CompressionError {}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(codec: Compression, data: &[u8]) -> Vec<u8> {
        codec.compress(data).unwrap()
    }

    #[test]
    fn ids_and_names_lead_back_to_the_codec() {
        for codec in Compression::ALL {
            assert_eq!(Compression::from_id(codec.id()), Some(codec));
            assert_eq!(codec.name().parse(), Ok(codec));
        }
        assert_eq!(Compression::from_id(5), None);
        assert_eq!("LZO".parse::<Compression>(), Err(UnknownCompression));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        for codec in Compression::ALL {
            let bomb = packed(codec, &vec![0; 4 << 20]);
            assert_eq!(codec.decompress(&bomb, 4 << 20).map(|data| data.len()), Ok(4 << 20));
            assert_eq!(codec.decompress(&bomb, (4 << 20) - 1), Err(codec.too_large((4 << 20) - 1)));
            assert_eq!(codec.decompress(&bomb, 0), Err(codec.too_large(0)));
        }
    }

    #[test]
    fn half_of_the_data_is_malformed() {
        let data: Vec<u8> = (0..40_000u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        for codec in Compression::ALL.into_iter().skip(1) {
            let packed = packed(codec, &data);
            let result = codec.decompress(&packed[..packed.len() / 2], data.len());
            assert!(matches!(result, Err(CompressionError::Malformed { .. })), "{codec}: {result:?}");
        }
    }

    proptest! {
        #[test]
        fn data_survives_every_codec(data in prop::collection::vec(0u8..4, 0..9_000)) {
            for codec in Compression::ALL {
                prop_assert_eq!(&codec.decompress(&packed(codec, &data), data.len()).unwrap(), &data);
            }
        }

        #[test]
        fn any_bytes_give_data_or_an_error(data: Vec<u8>, codec in 1i16..5) {
            let codec = Compression::from_id(codec).unwrap();
            if let Ok(out) = codec.decompress(&data, 1000) {
                prop_assert!(out.len() <= 1000);
            }
        }

        #[test]
        fn damaged_data_gives_data_or_an_error(
            data in prop::collection::vec(0u8..8, 1..5_000), codec in 1i16..5, at: prop::sample::Index, bits in 1u8..,
        ) {
            let codec = Compression::from_id(codec).unwrap();
            let mut packed = packed(codec, &data);
            let at = at.index(packed.len());
            packed[at] ^= bits;
            if let Ok(out) = codec.decompress(&packed, 10_000) {
                prop_assert!(out.len() <= 10_000);
            }
        }
    }
}
