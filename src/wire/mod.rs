//! Kafka's bytes: frames, headers, messages, record batches.
//!
//! Not here: what a message means. Everything in this module turns bytes into plain values and back.

#[macro_use]
pub mod codec;
pub mod api_key;
pub mod batch;
pub mod compression;
pub mod frame;
pub mod generate;
pub mod header;
pub mod json;
pub mod messages;
#[cfg(test)]
mod round_trip;
pub mod schema;
pub mod varint;

pub use api_key::ApiKey;
pub use codec::Message;
pub use codec::RequestMessage;
pub use header::RequestHeader;
pub use header::ResponseHeader;
pub use messages::Request;
pub use messages::Response;
