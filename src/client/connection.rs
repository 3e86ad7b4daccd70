//! One connection to one broker: requests go out one after the other, answers come back in the same order.
//!
//! Not here: which broker; and trying again.

use super::Settings;
use super::error::Error;
use super::error::Result;
use super::mutant::ClientMutant;
use super::versions::BrokerVersions;
use crate::base::ErrorCode;
use crate::net::Alarm;
use crate::net::FrameError;
use crate::net::FrameReader;
use crate::net::FrameWriter;
use crate::wire::ApiKey;
use crate::wire::Message;
use crate::wire::RequestHeader;
use crate::wire::RequestMessage;
use crate::wire::ResponseHeader;
use crate::wire::codec::Decoder;
use crate::wire::codec::Encoder;
use crate::wire::messages::api_versions::ApiVersionsRequest;
use crate::wire::messages::api_versions::ApiVersionsResponse;
use bytes::Bytes;
use std::collections::VecDeque;
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::timeout;

/// A live connection. It ends when it is dropped and its last answer has come.
#[derive(Debug)]
pub(super) struct Connection {
    address: Arc<str>,
    versions: BrokerVersions,
    settings: Arc<Settings>,
    commands: mpsc::UnboundedSender<Command>,
    next_correlation_id: AtomicI32,
}

/// A request on its way to the task that owns the socket.
#[derive(Debug)]
struct Command {
    frame: Vec<Bytes>,
    /// `None` when no answer is to be expected.
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    correlation_id: i32,
    api: ApiKey,
    sent_at: Instant,
    deadline: Instant,
    reply: oneshot::Sender<Result<Bytes>>,
}

/// An answer that is to come.
#[derive(Debug)]
pub(super) struct Answer<R> {
    version: i16,
    address: Arc<str>,
    reply: oneshot::Receiver<Result<Bytes>>,
    request: PhantomData<fn() -> R>,
}

impl Connection {
    /// Connects and asks which versions the broker speaks; all within the time for connecting.
    pub(super) async fn open(address: &str, settings: &Arc<Settings>) -> Result<Self> {
        let lost = |error| Error::connection(address, false, error);
        let opening = async {
            let stream = settings.transport.dial(address).await.map_err(lost)?;
            let (read, write) = stream.into_split();
            let mut reader = FrameReader::of(read, settings.response_bytes_max);
            let mut writer = FrameWriter::new(write);
            let versions = negotiate(&mut reader, &mut writer, address, settings).await?;
            Ok::<_, Error>((reader, writer, versions))
        };
        let (reader, writer, versions) = match timeout(settings.connect_timeout, opening).await {
            Ok(opened) => opened?,
            Err(_) => return Err(lost(io::ErrorKind::TimedOut.into())),
        };
        tracing::debug!(address, "connected");
        let (commands, incoming) = mpsc::unbounded_channel();
        let reuses = settings.mutants.has(ClientMutant::ReuseCorrelation);
        tokio::spawn(drive(reader, writer, incoming, address.to_owned(), reuses));
        let settings = Arc::clone(settings);
        Ok(Self { address: address.into(), versions, settings, commands, next_correlation_id: AtomicI32::new(2) })
    }

    /// Whether requests can no longer be sent.
    pub(super) fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    /// The highest version of an API that both sides speak and that is not above `cap`.
    pub(super) fn version(&self, api: ApiKey, cap: i16) -> Result<i16> {
        self.versions.pick(api, cap)
    }

    /// The level that the cluster has agreed on for a feature; 0 for one that it does not have.
    pub(super) fn feature(&self, name: &str) -> i16 {
        self.versions.feature(name)
    }

    /// Whether the broker has the API in a version that this client speaks.
    pub(super) fn has(&self, api: ApiKey) -> bool {
        self.versions.pick(api, i16::MAX).is_ok()
    }

    /// Puts a request in line; the order of calls is the order on the wire.
    ///
    /// `patience` is what is granted beyond the request time-out: how long the broker was asked to wait.
    pub(super) fn start<R: RequestMessage>(&self, request: &R, version: i16, patience: Duration) -> Result<Answer<R>> {
        let (frame, correlation_id) = self.encode(request, version)?;
        let (sender, reply) = oneshot::channel();
        let sent_at = Instant::now();
        let deadline = sent_at + self.settings.request_timeout + patience;
        self.push(Command {
            frame,
            pending: Some(Pending { correlation_id, api: R::KEY, sent_at, deadline, reply: sender }),
        })?;
        Ok(Answer { version, address: Arc::clone(&self.address), reply, request: PhantomData })
    }

    /// Puts a request in line that the broker does not answer.
    pub(super) fn start_unanswered<R: RequestMessage>(&self, request: &R, version: i16) -> Result<()> {
        let (frame, _) = self.encode(request, version)?;
        self.push(Command { frame, pending: None })
    }

    /// Sends a request in the highest common version not above `cap`, and waits for its answer.
    pub(super) async fn call<R: RequestMessage>(&self, request: &R, cap: i16) -> Result<R::Response> {
        let version = self.version(R::KEY, cap)?;
        self.start(request, version, Duration::ZERO)?.get().await
    }

    fn push(&self, command: Command) -> Result<()> {
        self.commands
            .send(command)
            .map_err(|_| Error::connection(&self.address, false, io::ErrorKind::NotConnected.into()))
    }

    fn encode<R: RequestMessage>(&self, request: &R, version: i16) -> Result<(Vec<Bytes>, i32)> {
        // Negative numbers are as good as others, so wrapping around needs no care.
        let correlation_id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        Ok((encode(request, version, correlation_id, &self.settings)?, correlation_id))
    }
}

impl<R: RequestMessage> Answer<R> {
    /// Waits for the answer.
    pub(super) async fn get(mut self) -> Result<R::Response> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<R::Response>> {
        Poll::Ready(match ready!(Pin::new(&mut self.reply).poll(cx)) {
            Ok(frame) => frame.and_then(|frame| decode(R::KEY, frame, self.version)),
            // The connection's task is gone with its runtime.
            Err(_) => Err(Error::connection(&self.address, true, io::ErrorKind::ConnectionAborted.into())),
        })
    }
}

/// Answers that one task waits for, each with what it wants to know when it comes: `K`.
#[derive(Debug)]
pub(super) struct Outstanding<K, R>(Vec<(K, Answer<R>)>);

impl<K, R> Default for Outstanding<K, R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, R: RequestMessage> Outstanding<K, R> {
    pub(super) fn push(&mut self, key: K, answer: Answer<R>) {
        self.0.push((key, answer));
    }

    /// Waits for the next answer, for ever when there is none to come. Cancel safe.
    pub(super) async fn next(&mut self) -> (K, Result<R::Response>) {
        poll_fn(|cx| {
            for at in 0..self.0.len() {
                if let Poll::Ready(result) = self.0[at].1.poll(cx) {
                    return Poll::Ready((self.0.remove(at).0, result));
                }
            }
            Poll::Pending
        })
        .await
    }
}

fn encode<R: RequestMessage>(
    request: &R,
    api_version: i16,
    correlation_id: i32,
    settings: &Settings,
) -> Result<Vec<Bytes>> {
    let client_id = Some(settings.client_id.clone());
    let header = RequestHeader { api_key: R::KEY.code(), api_version, correlation_id, client_id };
    let mut encoder = Encoder::frame();
    header
        .encode(&mut encoder)
        .and_then(|()| request.encode_body(&mut encoder, api_version))
        .and_then(|()| encoder.into_frame())
        .map_err(|error| Error::Invalid(format!("a {} request cannot be written: {error}", R::KEY)))
}

fn decode<R: Message>(api: ApiKey, frame: Bytes, version: i16) -> Result<R> {
    let mut decoder = Decoder::new(frame, false);
    let read = |decoder: &mut Decoder| {
        ResponseHeader::decode(decoder, api, version)?;
        let response = R::decode_body(decoder, version)?;
        decoder.finish()?;
        Ok(response)
    };
    read(&mut decoder).map_err(|error: crate::wire::codec::DecodeError| Error::protocol(api, error))
}

/// Finds out what the broker speaks, from the newest question down to the oldest (KIP-511).
async fn negotiate(
    reader: &mut FrameReader,
    writer: &mut FrameWriter,
    address: &str,
    settings: &Settings,
) -> Result<BrokerVersions> {
    let api = ApiKey::ApiVersions;
    let request = ApiVersionsRequest {
        client_software_name: "rehearsal".into(),
        client_software_version: env!("CARGO_PKG_VERSION").into(),
        ..ApiVersionsRequest::default()
    };
    let lost = |error| Error::connection(address, false, error);
    let mut version = api.versions().max;
    for correlation_id in 0..2 {
        writer.write(encode(&request, version, correlation_id, settings)?).await.map_err(lost)?;
        let frame = reader.next().await.map_err(|error| lost(io_error(error)))?;
        let frame = frame.ok_or_else(|| lost(io::ErrorKind::UnexpectedEof.into()))?;
        if frame.first_chunk() != Some(&correlation_id.to_be_bytes()) {
            // As in the midst of a connection: another one may do better.
            return Err(lost(io::Error::other("an answer came to another question")));
        }
        // A broker that does not know the version answers in version 0, whose first field is the error code.
        let refused = frame.get(4..6) == Some(&ErrorCode::UNSUPPORTED_VERSION.code().to_be_bytes()[..]);
        let response: ApiVersionsResponse = decode(api, frame, if refused { 0 } else { version })?;
        let versions = BrokerVersions::new(&response);
        match ErrorCode::new(response.error_code) {
            ErrorCode::NONE => return Ok(versions),
            ErrorCode::UNSUPPORTED_VERSION if version > 0 => {
                // Old brokers leave their own range out of the refusal; then only 0 is safe.
                version = versions.pick(api, version - 1).unwrap_or(0);
            }
            code => return Err(Error::broker(code, api)),
        }
    }
    Err(Error::broker(ErrorCode::UNSUPPORTED_VERSION, api))
}

/// Owns the socket until it breaks, a request is not answered in time, or nobody needs it any more.
async fn drive(
    mut reader: FrameReader,
    mut writer: FrameWriter,
    mut commands: mpsc::UnboundedReceiver<Command>,
    address: String,
    reuses: bool,
) {
    let mut in_flight: VecDeque<Pending> = VecDeque::new();
    let mut wanted = true;
    let (opened, mut alarm) = (Instant::now(), Alarm::default());
    let cause = loop {
        if !wanted && in_flight.is_empty() && writer.queued() == 0 {
            break io::ErrorKind::NotConnected.into();
        }
        let deadline = in_flight.iter().map(|pending| pending.deadline).min();
        tokio::select! {
            biased;
            frame = reader.next() => match frame {
                Ok(Some(frame)) => {
                    if let Err(error) = settle(&mut in_flight, frame, reuses) {
                        break error;
                    }
                }
                Ok(None) => break io::ErrorKind::ConnectionReset.into(),
                Err(error) => break io_error(error),
            },
            flushed = writer.flush(), if writer.queued() > 0 => {
                if let Err(error) = flushed {
                    break error;
                }
            }
            command = commands.recv(), if wanted => match command {
                Some(command) => {
                    take(command, &mut writer, &mut in_flight);
                    // What is there already goes out in the same write.
                    while let Ok(command) = commands.try_recv() {
                        take(command, &mut writer, &mut in_flight);
                    }
                }
                None => wanted = false,
            },
            () = alarm.wait_until(deadline.unwrap_or(opened)), if deadline.is_some() => {
                // Answers come in order, so those behind the missing one cannot be told apart any more.
                expire(&mut in_flight);
                if reuses {
                    continue;
                }
                break io::ErrorKind::TimedOut.into();
            }
        }
    };
    tracing::debug!(address, %cause, "disconnected");
    commands.close();
    let source = Arc::new(cause);
    let lost = |sent| Error::Connection { address: address.clone(), sent, source: Arc::clone(&source) };
    for pending in in_flight {
        // Nobody may be waiting any more, which is fine.
        let _ = pending.reply.send(Err(lost(true)));
    }
    while let Ok(command) = commands.try_recv() {
        if let Some(pending) = command.pending {
            let _ = pending.reply.send(Err(lost(false)));
        }
    }
}

fn take(command: Command, writer: &mut FrameWriter, in_flight: &mut VecDeque<Pending>) {
    writer.push(command.frame);
    in_flight.extend(command.pending);
}

/// Gives an answer to the oldest request, whose it must be.
fn settle(in_flight: &mut VecDeque<Pending>, frame: Bytes, reuses: bool) -> io::Result<()> {
    let pending = in_flight.pop_front().ok_or_else(|| io::Error::other("an answer came without a question"))?;
    if frame.first_chunk() == Some(&pending.correlation_id.to_be_bytes()) || reuses {
        let _ = pending.reply.send(Ok(frame));
        return Ok(());
    }
    in_flight.push_front(pending);
    Err(io::Error::other("an answer came to another question"))
}

/// Fails the requests whose time is up.
fn expire(in_flight: &mut VecDeque<Pending>) {
    let now = Instant::now();
    for pending in std::mem::take(in_flight) {
        if pending.deadline > now {
            in_flight.push_back(pending);
            continue;
        }
        let after = pending.deadline - pending.sent_at;
        let _ = pending.reply.send(Err(Error::Timeout { operation: pending.api.name(), after, cause: None }));
    }
}

fn io_error(error: FrameError) -> io::Error {
    match error {
        FrameError::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
