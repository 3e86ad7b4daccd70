//! Connections inside the process: bounded pipes, and a registry of addresses that is no global.
//!
//! Not here: time and chance. A pipe only wakes the other side, so under a single-threaded runtime with a paused
//! clock everything that happens on it is determined.

use super::stream::Stream;
use bytes::Buf;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use tokio::io::ReadBuf;
use tokio::sync::mpsc;

/// How many bytes a direction holds before its writer has to wait.
const PIPE_CAPACITY: usize = 256 * 1024;
/// How many connections wait to be accepted before those who dial have to wait.
const BACKLOG: usize = 1024;
/// The first port that is given to those who ask for any.
const FIRST_FREE_PORT: u16 = 49_152;

/// The addresses and connections of one in-process world. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Network {
    state: Arc<Mutex<NetworkState>>,
}

#[derive(Debug, Default)]
struct NetworkState {
    listeners: BTreeMap<String, mpsc::Sender<Stream>>,
    dialed: u64,
    clients: u64,
}

/// A bound address.
#[derive(Debug)]
pub(super) struct NetworkListener {
    network: Network,
    address: String,
    incoming: mpsc::Receiver<Stream>,
}

impl Network {
    /// A world without any listener.
    pub fn new() -> Self {
        Self::default()
    }

    /// A number for each client of this world, from 1: what must differ between clients of one seed follows from it.
    pub fn next_client(&self) -> u64 {
        let mut state = lock(&self.state);
        state.clients += 1;
        state.clients
    }

    pub(super) fn listen(&self, address: &str) -> io::Result<NetworkListener> {
        let (host, port) = address
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
            .ok_or(io::ErrorKind::InvalidInput)?;
        let mut state = lock(&self.state);
        let address = if port == 0 {
            (FIRST_FREE_PORT..=u16::MAX)
                .map(|port| format!("{host}:{port}"))
                .find(|address| !state.listeners.contains_key(address))
                .ok_or(io::ErrorKind::AddrNotAvailable)?
        } else {
            address.to_owned()
        };
        if state.listeners.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, incoming) = mpsc::channel(BACKLOG);
        state.listeners.insert(address.clone(), sender);
        Ok(NetworkListener { network: self.clone(), address, incoming })
    }

    pub(super) async fn dial(&self, address: &str) -> io::Result<Stream> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let (listener, number) = {
            let mut state = lock(&self.state);
            state.dialed += 1;
            (state.listeners.get(address).cloned().ok_or_else(refused)?, state.dialed)
        };
        let place = listener.reserve().await.map_err(|_| refused())?;
        let ours = format!("memory:{number}");
        let (upward_writer, upward_reader) = pipe();
        let (downward_writer, downward_reader) = pipe();
        place.send(Stream::memory(upward_reader, downward_writer, address.to_owned(), ours.clone()));
        Ok(Stream::memory(downward_reader, upward_writer, ours, address.to_owned()))
    }
}

impl NetworkListener {
    pub(super) fn local_address(&self) -> &str {
        &self.address
    }

    pub(super) async fn accept(&mut self) -> io::Result<Stream> {
        self.incoming.recv().await.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
    }
}

impl Drop for NetworkListener {
    fn drop(&mut self) {
        lock(&self.network.state).listeners.remove(&self.address);
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Pipe {
    chunks: VecDeque<Bytes>,
    length: usize,
    writer_gone: bool,
    reader_gone: bool,
    reader_waker: Option<Waker>,
    writer_waker: Option<Waker>,
}

/// The end of a pipe where bytes come out.
#[derive(Debug)]
pub(super) struct PipeReader(Arc<Mutex<Pipe>>);

/// The end of a pipe where bytes go in.
#[derive(Debug)]
pub(super) struct PipeWriter(Arc<Mutex<Pipe>>);

fn pipe() -> (PipeWriter, PipeReader) {
    let pipe = Arc::new(Mutex::new(Pipe::default()));
    (PipeWriter(Arc::clone(&pipe)), PipeReader(pipe))
}

/// A panic elsewhere leaves nothing half done here, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes after the lock is released, so that the woken one does not run into it.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Pipe {
    /// Gives the bytes that may be written now, having arranged a wake-up when there are none.
    fn poll_room(&mut self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        if self.reader_gone || self.writer_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = PIPE_CAPACITY.saturating_sub(self.length);
        if room == 0 {
            self.writer_waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(room))
    }

    fn push(&mut self, chunk: Bytes) {
        self.length += chunk.len();
        self.chunks.push_back(chunk);
    }
}

impl PipeReader {
    /// Takes the next chunk if it is one whole frame with its length, which is at most `limit`; pending when there is
    /// no chunk yet, and `None` when [`PipeReader::poll_read`] is to find out what there is.
    pub(super) fn poll_frame(&self, limit: usize, cx: &Context<'_>) -> Option<Poll<Bytes>> {
        let mut pipe = lock(&self.0);
        let Some(chunk) = pipe.chunks.front() else {
            if pipe.writer_gone {
                return None;
            }
            pipe.reader_waker = Some(cx.waker().clone());
            return Some(Poll::Pending);
        };
        let length = usize::try_from(i32::from_be_bytes(*chunk.first_chunk()?)).ok()?;
        if length > limit || chunk.len() != size_of::<i32>() + length {
            return None;
        }
        let chunk = pipe.chunks.pop_front()?;
        pipe.length -= chunk.len();
        let writer = pipe.writer_waker.take();
        drop(pipe);
        wake(writer);
        Some(Poll::Ready(chunk))
    }

    pub(super) fn poll_read(&self, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.0);
        if pipe.length == 0 {
            if pipe.writer_gone {
                return Poll::Ready(Ok(()));
            }
            pipe.reader_waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        while buf.remaining() > 0 {
            let Some(chunk) = pipe.chunks.front_mut() else { break };
            let count = chunk.len().min(buf.remaining());
            buf.put_slice(&chunk[..count]);
            chunk.advance(count);
            if chunk.is_empty() {
                pipe.chunks.pop_front();
            }
            pipe.length -= count;
        }
        let writer = pipe.writer_waker.take();
        drop(pipe);
        wake(writer);
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut pipe = lock(&self.0);
        pipe.reader_gone = true;
        pipe.chunks.clear();
        pipe.length = 0;
        let writer = pipe.writer_waker.take();
        drop(pipe);
        wake(writer);
    }
}

impl PipeWriter {
    pub(super) fn poll_write(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.0);
        let room = match pipe.poll_room(cx) {
            Poll::Ready(Ok(room)) => room,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        let count = room.min(buf.len());
        if count > 0 {
            pipe.push(Bytes::copy_from_slice(&buf[..count]));
        }
        let reader = pipe.reader_waker.take();
        drop(pipe);
        wake(reader);
        Poll::Ready(Ok(count))
    }

    /// Moves the slices of `queue` into the pipe; ready when the queue is empty.
    pub(super) fn poll_write_all(&self, cx: &Context<'_>, queue: &mut VecDeque<Bytes>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.0);
        let mut reader = None;
        let mut result = Poll::Ready(Ok(()));
        while let Some(front) = queue.front_mut() {
            if front.is_empty() {
                queue.pop_front();
                continue;
            }
            match pipe.poll_room(cx) {
                Poll::Ready(Ok(room)) => pipe.push(front.split_to(room.min(front.len()))),
                Poll::Ready(Err(error)) => {
                    result = Poll::Ready(Err(error));
                    break;
                }
                Poll::Pending => {
                    result = Poll::Pending;
                    break;
                }
            }
            reader = reader.or_else(|| pipe.reader_waker.take());
        }
        drop(pipe);
        wake(reader);
        result
    }

    /// Tells the reader that no more bytes will come after those that are there.
    pub(super) fn close(&self) {
        let mut pipe = lock(&self.0);
        pipe.writer_gone = true;
        let reader = pipe.reader_waker.take();
        drop(pipe);
        wake(reader);
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;

    async fn connected() -> (Stream, Stream) {
        let network = Network::new();
        let mut listener = network.listen("broker:1").unwrap();
        let client = network.dial("broker:1").await.unwrap();
        (client, listener.accept().await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_stops_reading_holds_the_writer_back() {
        let (mut client, mut server) = connected().await;
        let bytes = vec![7; PIPE_CAPACITY + 1];
        {
            let mut write = std::pin::pin!(client.write_all(&bytes));
            let waited = tokio::time::timeout(Duration::from_secs(3600), write.as_mut()).await;
            assert!(waited.is_err(), "one byte more than the pipe holds must wait");
            let mut first = [0];
            server.read_exact(&mut first).await.unwrap();
            write.await.unwrap();
        }
        drop(client);
        let mut rest = Vec::new();
        server.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest.len(), PIPE_CAPACITY);
    }

    #[tokio::test]
    async fn writing_to_a_peer_that_is_gone_is_a_broken_pipe() {
        let (mut client, server) = connected().await;
        drop(server);
        assert_eq!(client.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn two_networks_do_not_see_each_other() {
        let (one, other) = (Network::new(), Network::new());
        let _listener = one.listen("broker:1").unwrap();
        assert_eq!(other.dial("broker:1").await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(one.listen("no port").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
