//! A peer that speaks the protocol by hand, so that it can misuse it.

use bytes::Bytes;
use rehearsal::Cluster;
use rehearsal::net::{FrameReader, ReadHalf, WriteHalf};
use rehearsal::wire::{ApiKey, Request, RequestHeader, Response, frame};
use tokio::io::AsyncWriteExt;

pub(crate) struct Peer {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    asked: i32,
}

pub(crate) struct Reader(FrameReader<ReadHalf>);

pub(crate) struct Writer(WriteHalf);

impl Peer {
    pub(crate) async fn connect(cluster: &Cluster) -> Self {
        let endpoint = cluster.endpoint();
        let stream = endpoint.transport().dial(&endpoint.addresses()[0]).await.unwrap();
        let (read, write) = stream.into_split();
        Self { reader: Reader(FrameReader::new(read, usize::MAX)), writer: Writer(write), asked: 0 }
    }

    pub(crate) fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }

    pub(crate) fn frame(&self, version: i16, request: Request) -> Vec<u8> {
        encode(self.asked, Some("peer"), version, request)
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.writer.0.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, version: i16, request: Request) {
        self.asked += 1;
        self.send_as(self.asked, Some("peer"), version, request).await;
    }

    pub(crate) async fn send_as(&mut self, correlation_id: i32, name: Option<&str>, version: i16, request: Request) {
        self.writer.send_as(correlation_id, name, version, request).await;
    }

    /// The correlation id and the whole frame of the next answer; `None` when the broker has hung up.
    pub(crate) async fn receive(&mut self) -> Option<(i32, Bytes)> {
        self.reader.next().await
    }

    pub(crate) async fn ask(&mut self, version: i16, request: Request) -> Response {
        let api: ApiKey = request.api_key();
        self.send(version, request).await;
        let (correlation_id, frame) = self.receive().await.expect("an answer");
        assert_eq!(correlation_id, self.asked);
        frame::decode_response(frame, api, version).unwrap().1
    }
}

impl Reader {
    async fn next(&mut self) -> Option<(i32, Bytes)> {
        // A reset is as good an end as any.
        let frame = self.0.next().await.ok().flatten()?;
        Some((i32::from_be_bytes(frame[..4].try_into().unwrap()), frame))
    }

    pub(crate) async fn receive(&mut self) -> Option<i32> {
        self.next().await.map(|(correlation_id, _)| correlation_id)
    }
}

impl Writer {
    pub(crate) async fn send_as(&mut self, correlation_id: i32, name: Option<&str>, version: i16, request: Request) {
        self.0.write_all(&encode(correlation_id, name, version, request)).await.unwrap();
    }
}

fn encode(correlation_id: i32, name: Option<&str>, version: i16, request: Request) -> Vec<u8> {
    let client_id = name.map(Into::into);
    let header = RequestHeader { api_key: request.api_key().code(), api_version: version, correlation_id, client_id };
    frame::encode_request(&header, &request).unwrap().concat()
}
