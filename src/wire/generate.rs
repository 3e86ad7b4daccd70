//! Random messages from a seed, made from the tables: food for round trips, fuzzers and comparisons with other codecs.
//!
//! Not here: messages that mean something. Every value fits its field, and nothing else is promised.

use crate::base::Rng;
use crate::base::Uuid;
use crate::wire::codec::Encoder;
use crate::wire::json::write_default;
use crate::wire::schema::FieldFacts;
use crate::wire::schema::FieldType;
use crate::wire::schema::MessageFacts;
use crate::wire::schema::Struct;
use bytes::Bytes;

/// Makes bodies of messages in the form in which Kafka itself writes them, so that decoding and encoding them again
/// gives the same bytes.
///
/// Numbers are often extreme, strings have characters of one to four bytes, what may be null often is, tagged fields
/// come and go.
/// ```
/// use rehearsal::ApiKey;
/// use rehearsal::base::Seed;
/// use rehearsal::wire::Message;
/// use rehearsal::wire::generate::Generator;
/// use rehearsal::wire::messages::metadata::MetadataResponse;
///
/// let mut generator = Generator::new(Seed(7).stream("example"));
/// let bytes = generator.body(ApiKey::Metadata.response_facts(), 12);
/// let message = MetadataResponse::from_bytes(bytes.clone(), 12).unwrap();
/// assert_eq!(message.to_bytes(12).unwrap(), bytes);
/// ```
#[derive(Debug)]
pub struct Generator {
    rng: Rng,
    elements: u64,
    elements_left: u64,
    unknown_tags: bool,
}

impl Generator {
    /// Draws from `rng`; messages are small and have unknown tagged fields where these can be.
    pub fn new(rng: Rng) -> Self {
        Self { rng, elements: 40, elements_left: 0, unknown_tags: true }
    }

    /// Lets a message have up to `elements` array elements in all (at first 40).
    #[must_use]
    pub fn elements(self, elements: u64) -> Self {
        Self { elements, ..self }
    }

    /// Leaves unknown tagged fields out, for readers that do not keep them.
    #[must_use]
    pub fn without_unknown_tags(self) -> Self {
        Self { unknown_tags: false, ..self }
    }

    /// The source of chance, for whoever wants to change the bytes further.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// The next body of the message in `version`, which should be one that it has.
    pub fn body(&mut self, facts: &MessageFacts, version: i16) -> Bytes {
        self.elements_left = self.elements;
        let mut encoder = Encoder::new(facts.flexible.contains(version));
        self.fields(facts.body, &mut encoder, version);
        encoder.into_bytes()
    }

    /// A proptest strategy for bodies of the message in `version`; shrinks towards fewer array elements.
    /// ```
    /// use proptest::prelude::*;
    /// use rehearsal::ApiKey;
    /// use rehearsal::wire::generate::Generator;
    /// use rehearsal::wire::json;
    ///
    /// let facts = ApiKey::Heartbeat.request_facts();
    /// proptest!(|(body in Generator::strategy(facts, 4))| {
    ///     let json = json::to_json(facts, body.clone(), 4).unwrap();
    ///     assert_eq!(json::from_json(facts, &json, 4).unwrap(), body);
    /// });
    /// ```
    #[cfg(feature = "proptest")]
    pub fn strategy(facts: &'static MessageFacts, version: i16) -> impl proptest::strategy::Strategy<Value = Bytes> {
        use proptest::strategy::Strategy;
        let seed = proptest::arbitrary::any::<u64>().no_shrink();
        (seed, 0..60u64).prop_map(move |(seed, elements)| {
            Self::new(crate::base::Seed(seed).stream("strategy")).elements(elements).body(facts, version)
        })
    }

    fn fields(&mut self, facts: &Struct, encoder: &mut Encoder, version: i16) {
        let mut tagged: Vec<(u32, Bytes)> = Vec::new();
        for field in facts.fields.iter().filter(|field| field.versions.contains(version)) {
            match field.tag {
                None => self.value(&field.ty, field.nullable.contains(version), encoder, version),
                Some(tag) => tagged.extend(self.tagged_field(field, version).map(|bytes| (tag, bytes))),
            }
        }
        if !encoder.is_flexible() {
            return;
        }
        while self.unknown_tags && self.rng.below(16) == 0 {
            let tag = tagged.last().map_or(100, |(tag, _)| (*tag).max(100) + 1);
            tagged.push((tag, self.bytes().into()));
        }
        encoder.unsigned_varint(u32::try_from(tagged.len()).expect("a handful"));
        for (tag, bytes) in tagged {
            let written = encoder.tagged(tag, |encoder| {
                encoder.slice(&bytes);
                Ok(())
            });
            written.expect("short bytes");
        }
    }

    /// The bytes of a tagged field; `None` when it is left out because it has its default.
    fn tagged_field(&mut self, field: &FieldFacts, version: i16) -> Option<Bytes> {
        if self.rng.below(2) == 0 {
            return None;
        }
        let (mut value, mut default) = (Encoder::new(true), Encoder::new(true));
        self.value(&field.ty, field.nullable.contains(version), &mut value, version);
        write_default(field, &mut default, version).expect("defaults are short");
        let value = value.into_bytes();
        (value != default.into_bytes()).then_some(value)
    }

    fn value(&mut self, ty: &FieldType, nullable: bool, encoder: &mut Encoder, version: i16) {
        let null = nullable && self.rng.below(4) == 0;
        let fits = "short values fit";
        match ty {
            FieldType::Bool => encoder.raw(&[self.number() & 1]),
            FieldType::Int8 => encoder.raw(&[self.number()]),
            FieldType::Int16 | FieldType::Uint16 => self.integer::<2>(encoder),
            FieldType::Int32 => self.integer::<4>(encoder),
            FieldType::Int64 => self.integer::<8>(encoder),
            FieldType::Float64 => encoder.raw(&self.float().to_be_bytes()),
            FieldType::Uuid => encoder.uuid(self.uuid()),
            FieldType::String if null => encoder.nullable_string(None).expect(fits),
            FieldType::String => encoder.nullable_string(Some(&self.string())).expect(fits),
            FieldType::Bytes | FieldType::Records | FieldType::Array(_) if null => encoder.length(None).expect(fits),
            FieldType::Bytes | FieldType::Records => encoder.nullable_bytes(Some(&self.bytes().into())).expect(fits),
            FieldType::Array(element) => {
                let length = self.rng.below(5).min(self.elements_left);
                self.elements_left -= length;
                encoder.length(usize::try_from(length).ok()).expect(fits);
                (0..length).for_each(|_| self.value(element, false, encoder, version));
            }
            FieldType::Struct(_) if null => encoder.raw(&[0xff]),
            FieldType::Struct(facts) => {
                if nullable {
                    encoder.raw(&[1]);
                }
                self.fields(facts, encoder, version);
            }
        }
    }

    fn number(&mut self) -> u8 {
        self.rng.next_u64().to_le_bytes()[0]
    }

    fn integer<const N: usize>(&mut self, encoder: &mut Encoder) {
        let bytes = match self.rng.below(6) {
            0 => [0; 8],
            1 => [0xff; 8], // -1
            2 => i64::MAX.to_be_bytes(),
            3 => i64::MIN.to_be_bytes(),
            4 => ((self.rng.below(100) << 56) >> (8 * (N - 1))).to_be_bytes(),
            _ => self.rng.next_u64().to_be_bytes(),
        };
        encoder.raw(&bytes[..N]);
    }

    fn float(&mut self) -> f64 {
        match self.rng.below(5) {
            0 => 0.0,
            1 => f64::INFINITY,
            2 => f64::MIN_POSITIVE,
            _ => Some(f64::from_bits(self.rng.next_u64())).filter(|value| !value.is_nan()).unwrap_or(-1.5),
        }
    }

    fn uuid(&mut self) -> Uuid {
        match self.rng.below(4) {
            0 => Uuid::ZERO,
            _ => Uuid(std::array::from_fn(|_| self.number())),
        }
    }

    fn string(&mut self) -> String {
        const CHARACTERS: [char; 10] = ['a', 'Z', '0', '-', '"', '\0', '\u{e9}', '\u{20ac}', '\u{ffff}', '\u{1f980}'];
        let length = self.length();
        (0..length).map(|_| CHARACTERS[usize::from(self.number()) % CHARACTERS.len()]).collect()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.length();
        (0..length).map(|_| self.number()).collect()
    }

    /// Mostly short; sometimes long enough that a compact length takes two bytes.
    fn length(&mut self) -> u64 {
        let below = if self.rng.below(32) == 0 { 300 } else { 12 };
        self.rng.below(below)
    }
}
