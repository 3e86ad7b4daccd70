//! What stands before every request and every response.

use super::api_key::ApiKey;
use super::codec::DecodeError;
use super::codec::Decoder;
use super::codec::EncodeError;
use super::codec::Encoder;
use super::codec::TaggedFields;
use bytestring::ByteString;

/// The header of a request, versions 1 and 2 (the latter adds tagged fields).
///
/// Source: <https://kafka.apache.org/protocol#protocol_messages>, KIP-482.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The number of the API; it may be one that nobody knows.
    pub api_key: i16,
    /// The version in which the body is written.
    pub api_version: i16,
    /// The number by which the client finds the answer's request.
    pub correlation_id: i32,
    /// The name that the client gives itself.
    pub client_id: Option<ByteString>,
}

impl RequestHeader {
    /// The API, if it is one that clients use.
    pub fn api(&self) -> Option<ApiKey> {
        ApiKey::new(self.api_key)
    }

    /// Reads a header; the decoder then stands at the body.
    ///
    /// The API key and version at its beginning decide which version the header itself has. An unknown API or
    /// version is not an error here, because how to answer it depends on the API.
    ///
    /// # Errors
    /// [`DecodeError`] when the frame is too short or the client id is not UTF-8.
    pub fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        decoder.set_flexible(false);
        let api_key = decoder.int16()?;
        let api_version = decoder.int16()?;
        let correlation_id = decoder.int32()?;
        // The client id has a 16-bit length even in version 2.
        let client_id = decoder.nullable_string()?;
        let known = ApiKey::new(api_key).filter(|api| api.versions().contains(api_version));
        if known.is_some_and(|api| api.request_header_version(api_version) >= 2) {
            decoder.set_flexible(true);
            TaggedFields::decode(decoder, |_, _| Ok(false))?;
        }
        Ok(Self { api_key, api_version, correlation_id, client_id })
    }

    /// Writes the header.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when the client id is.
    pub fn encode(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.set_flexible(false);
        encoder.raw(&self.api_key.to_be_bytes());
        encoder.raw(&self.api_version.to_be_bytes());
        encoder.raw(&self.correlation_id.to_be_bytes());
        encoder.nullable_string(self.client_id.as_deref())?;
        if self.api().is_some_and(|api| api.request_header_version(self.api_version) >= 2) {
            encoder.unsigned_varint(0);
        }
        Ok(())
    }
}

/// The header of a response, versions 0 and 1 (the latter adds tagged fields).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The number of the request that this answers.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Reads the header of an answer to `api` in `version`.
    ///
    /// # Errors
    /// [`DecodeError`] when the frame is too short.
    pub fn decode(decoder: &mut Decoder, api: ApiKey, version: i16) -> Result<Self, DecodeError> {
        let correlation_id = decoder.int32()?;
        if api.response_header_version(version) >= 1 {
            decoder.set_flexible(true);
            TaggedFields::decode(decoder, |_, _| Ok(false))?;
        }
        Ok(Self { correlation_id })
    }

    /// Writes the header of an answer to `api` in `version`.
    pub fn encode(self, encoder: &mut Encoder, api: ApiKey, version: i16) {
        encoder.raw(&self.correlation_id.to_be_bytes());
        if api.response_header_version(version) >= 1 {
            encoder.unsigned_varint(0);
        }
    }
}
