//! How one value becomes bytes and back: numbers, strings, arrays, nullable and tagged fields.
//!
//! Not here: which fields a message has; those are the tables in [`crate::wire::messages`].

mod decoder;
mod encoder;
mod field;
mod records;
#[macro_use]
mod table;
mod tagged;

pub use decoder::DecodeError;
pub use decoder::DecodeErrorKind;
pub use decoder::Decoder;
pub use encoder::EncodeError;
pub use encoder::Encoder;
pub use field::Field;
pub(crate) use field::decode_nullable_struct;
pub(crate) use field::encode_nullable_struct;
pub use records::Records;
pub use table::Message;
pub use table::RequestMessage;
pub use tagged::TaggedFields;
