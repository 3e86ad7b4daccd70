//! Frames: a four-byte length, a header, a body.
//!
//! Not here: reading them from a socket; that is [`crate::net`].

use super::api_key::ApiKey;
use super::codec::DecodeError;
use super::codec::DecodeErrorKind;
use super::codec::Decoder;
use super::codec::EncodeError;
use super::codec::Encoder;
use super::header::RequestHeader;
use super::header::ResponseHeader;
use super::messages::Request;
use super::messages::Response;
use bytes::Bytes;
use std::ops::Range;

/// The header of a request as far as it could be read, and what is wrong.
pub type Undecodable = (Option<RequestHeader>, DecodeError);

/// Reads a request from a frame without its length; the range tells where in the frame the body is.
///
/// # Errors
/// The header as far as it could be read (`None` when not even that), and what is wrong.
pub fn decode_request(frame: Bytes) -> Result<(RequestHeader, Request, Range<usize>), Undecodable> {
    let mut decoder = Decoder::new(frame, false);
    let header = RequestHeader::decode(&mut decoder).map_err(|error| (None, error))?;
    let Some(api) = header.api() else {
        let error = DecodeErrorKind::UnknownApiKey(header.api_key).at(0);
        return Err((Some(header), error));
    };
    let body_at = decoder.position();
    match Request::decode_prefix(&mut decoder, api, header.api_version) {
        Ok(request) => Ok((header, request, body_at..decoder.position())),
        Err(error) => Err((Some(header), error)),
    }
}

/// Writes a request with its length in front, as slices for a vectored write.
///
/// # Errors
/// [`EncodeError`] when the version does not exist or cannot hold a value.
pub fn encode_request(header: &RequestHeader, request: &Request) -> Result<Vec<Bytes>, EncodeError> {
    let mut encoder = Encoder::frame();
    header.encode(&mut encoder)?;
    request.encode(&mut encoder, header.api_version)?;
    encoder.into_frame()
}

/// Reads the response to a request of `api` in `version` from a frame without its length.
///
/// # Errors
/// [`DecodeError`] when the bytes are no such response.
pub fn decode_response(frame: Bytes, api: ApiKey, version: i16) -> Result<(ResponseHeader, Response), DecodeError> {
    let mut decoder = Decoder::new(frame, false);
    let header = ResponseHeader::decode(&mut decoder, api, version)?;
    Ok((header, Response::decode(&mut decoder, api, version)?))
}

/// Writes a response with its length in front, as slices for a vectored write.
///
/// # Errors
/// [`EncodeError`] when the version does not exist or cannot hold a value.
pub fn encode_response(header: ResponseHeader, response: &Response, version: i16) -> Result<Vec<Bytes>, EncodeError> {
    let mut encoder = Encoder::frame();
    header.encode(&mut encoder, response.api_key(), version);
    response.encode(&mut encoder, version)?;
    encoder.into_frame()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// librdkafka 2.16 asks for the metadata of all topics in version 13 with an array length of four bytes where
    /// one is enough. Kafka reads what it needs and answers, so refusing the rest would lock every such client out.
    #[test]
    fn a_request_with_bytes_to_spare_is_read() {
        let frame = b"\x00\x03\x00\x0d\x00\x00\x00\x03\x00\x07rdkafka\x00\x00\x00\x00\x00\x01\x00\x00";
        let (header, request, body) = decode_request(Bytes::from_static(frame)).unwrap();
        assert_eq!((header.correlation_id, body), (3, 18..22));
        assert!(matches!(request, Request::Metadata(metadata) if metadata.topics.is_none()));
    }
}
