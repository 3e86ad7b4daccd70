//! Frames on a byte stream: a four-byte length and as many bytes.
//!
//! Not here: what a frame means.

use super::stream::ReadHalf;
use super::stream::WriteHalf;
use bytes::Buf;
use bytes::BufMut;
use bytes::Bytes;
use bytes::BytesMut;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

const LENGTH_SIZE: usize = 4;
/// What a read asks for when nothing is known about the peer.
const READ_MIN: usize = 512;
/// What a read asks for at most, unless one frame alone is larger.
const READ_MAX: usize = 64 * 1024;
/// Frames up to this size are copied out of the buffer. It costs less than the next buffer would, and a frame that is
/// kept for long, by a journal or a log, does not keep a buffer of up to 64 KiB alive with it.
const COPIED_MAX: usize = 1024;
/// From this size on a frame is worth a read for its length alone, so that the rest arrives where it stays.
const LARGE: usize = READ_MAX / 2;

/// Cuts a byte stream into frames without copying them, but for those of up to 1 KiB.
///
/// A waiting reader holds no buffer. A buffer grows with the bytes that have really come (four times of them, plus
/// 64 KiB), never with the length that a frame claims, unless the frame before it really was that long: after a large
/// frame the next large one gets a buffer of its own, of the right size, and its bytes are not moved any more.
#[derive(Debug)]
pub struct FrameReader<R = ReadHalf> {
    reader: R,
    shortcut: Shortcut<R>,
    buffer: BytesMut,
    limit: usize,
    read_size: usize,
    /// The length of the frame before.
    last_length: usize,
}

/// Takes a frame with its length, which is at most this, when `R` has it in one piece; `None` where it cannot tell.
type Shortcut<R> = fn(&R, usize, &Context<'_>) -> Option<Poll<Bytes>>;

/// Why there is no next frame.
#[derive(Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// The length in front of the frame is negative.
    NegativeLength(i32),
    /// The length in front of the frame is above the limit.
    TooLarge {
        /// The length.
        length: usize,
        /// The most that is accepted.
        limit: usize,
    },
    /// The stream ended within a frame.
    Truncated,
    /// The stream failed.
    Io(io::Error),
}

impl FrameReader {
    /// Reads frames of at most `limit` bytes, not counting the length in front of them, from a connection.
    ///
    /// Within the process a frame that was written in one piece is handed on as it is.
    pub fn of(reader: ReadHalf, limit: usize) -> Self {
        Self { shortcut: ReadHalf::poll_frame, ..Self::new(reader, limit) }
    }
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames of at most `limit` bytes, not counting the length in front of them.
    pub fn new(reader: R, limit: usize) -> Self {
        let (buffer, shortcut) = (BytesMut::new(), (|_, _, _| None) as Shortcut<R>);
        Self { reader, shortcut, buffer, limit, read_size: READ_MIN, last_length: 0 }
    }

    /// Waits for a frame and gives it without its length; `None` when the stream ended between two frames.
    ///
    /// Cancel safe: bytes that have been read stay for the next call.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is of no use afterwards.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The form of [`FrameReader::next`] for those who poll.
    ///
    /// # Errors
    /// As [`FrameReader::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, FrameError>> {
        if self.buffer.is_empty() {
            if let Some(frame) = (self.shortcut)(&self.reader, self.limit, cx) {
                self.buffer = BytesMut::new();
                return frame.map(|mut frame| {
                    frame.advance(LENGTH_SIZE);
                    Ok(Some(frame))
                });
            }
        }
        loop {
            let missing = match self.cut()? {
                Ok(frame) => return Poll::Ready(Ok(Some(frame))),
                Err(missing) => missing,
            };
            let room = self.room(missing);
            match self.poll_fill(cx, room) {
                Poll::Ready(Ok(0)) if self.buffer.is_empty() => return Poll::Ready(Ok(None)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(FrameError::Truncated)),
                Poll::Ready(Ok(count)) => self.adapt(count, room),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(FrameError::Io(error))),
                Poll::Pending => {
                    if self.buffer.is_empty() {
                        self.buffer = BytesMut::new();
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Whether [`FrameReader::next`] would give a frame at once.
    pub fn has_frame(&self) -> bool {
        self.length().is_ok_and(|length| length.is_some_and(|length| self.buffer.len() >= LENGTH_SIZE + length))
    }

    /// The announced length of the frame at the front, once its four bytes are there.
    fn length(&self) -> Result<Option<usize>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<LENGTH_SIZE>() else { return Ok(None) };
        let announced = i32::from_be_bytes(*prefix);
        let length = usize::try_from(announced).map_err(|_| FrameError::NegativeLength(announced))?;
        if length > self.limit {
            return Err(FrameError::TooLarge { length, limit: self.limit });
        }
        Ok(Some(length))
    }

    /// Takes a complete frame from the front, or says how many of its bytes are missing, as far as is known.
    fn cut(&mut self) -> Result<Result<Bytes, Option<usize>>, FrameError> {
        let Some(length) = self.length()? else { return Ok(Err(None)) };
        let size = LENGTH_SIZE + length;
        if self.buffer.len() < size {
            return Ok(Err(Some(size - self.buffer.len())));
        }
        self.last_length = length;
        if size <= COPIED_MAX {
            let frame = Bytes::copy_from_slice(&self.buffer[LENGTH_SIZE..size]);
            self.buffer.advance(size);
            return Ok(Ok(frame));
        }
        Ok(Ok(self.buffer.split_to(size).freeze().slice(LENGTH_SIZE..)))
    }

    /// How much to read next. What is missing of a large frame is read alone, so that its buffer holds nothing else.
    fn room(&self, missing: Option<usize>) -> usize {
        let known = self.buffer.len();
        match missing {
            None if self.last_length >= LARGE => LENGTH_SIZE - known,
            Some(missing) if missing > self.read_size || known + missing >= LARGE => {
                missing.min(READ_MAX.max(known.saturating_mul(3)).max(self.last_length))
            }
            _ => self.read_size,
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        if self.buffer.is_empty() && (self.buffer.capacity() < room || self.last_length >= LARGE) {
            // What is left of a large frame's buffer would be kept alive, or allocated again, in its old size.
            self.buffer = BytesMut::with_capacity(room);
        }
        self.buffer.reserve(room);
        let mut space = (&mut self.buffer).limit(room);
        // The future keeps nothing between two polls, so a fresh one each time reads on.
        pin!(self.reader.read_buf(&mut space)).poll(cx)
    }

    /// Reads more at once from a peer that has filled the buffer, and less from one that has hardly used it.
    fn adapt(&mut self, count: usize, room: usize) {
        if room != self.read_size {
            return;
        }
        if count >= room {
            self.read_size = (self.read_size * 2).min(READ_MAX);
        } else if count < self.read_size / 4 {
            self.read_size = (self.read_size / 2).max(READ_MIN);
        }
    }
}

/// Writes frames, several of them in one system call where they are there.
///
/// Slices go to the socket as they are (vectored), so record bytes are not copied.
#[derive(Debug)]
pub struct FrameWriter {
    writer: WriteHalf,
    queue: VecDeque<Bytes>,
    queued: usize,
}

impl FrameWriter {
    /// Writes to `writer`.
    pub fn new(writer: WriteHalf) -> Self {
        Self { writer, queue: VecDeque::new(), queued: 0 }
    }

    /// Adds a frame, its length included, to what the next flush writes.
    pub fn push(&mut self, frame: impl IntoIterator<Item = Bytes>) {
        for slice in frame {
            self.queued += slice.len();
            self.queue.push_back(slice);
        }
    }

    /// How many bytes have been pushed since the queue was last empty; a bound on what is kept.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Writes everything that was pushed.
    ///
    /// Cancel safe: what is not written yet stays for the next call.
    ///
    /// # Errors
    /// What the transport says; the stream is of no use afterwards.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// The form of [`FrameWriter::flush`] for those who poll.
    ///
    /// # Errors
    /// As [`FrameWriter::flush`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.writer.poll_write_all(cx, &mut self.queue);
        if self.queue.is_empty() {
            self.queued = 0;
            // A burst leaves no large queue behind on a connection that is idle again.
            self.queue.shrink_to(16);
        }
        result
    }

    /// Writes one frame: [`FrameWriter::push`] and [`FrameWriter::flush`].
    ///
    /// # Errors
    /// As [`FrameWriter::flush`].
    pub async fn write(&mut self, frame: impl IntoIterator<Item = Bytes>) -> io::Result<()> {
        self.push(frame);
        self.flush().await
    }

    /// Writes what is left and tells the peer that nothing more will come.
    ///
    /// # Errors
    /// As [`FrameWriter::flush`].
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.writer.shutdown().await
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NegativeLength(length) => write!(f, "a frame announces a length of {length} bytes"),
            Self::TooLarge { length, limit } => {
                write!(f, "a frame announces {length} bytes, which is more than the limit of {limit}")
            }
            Self::Truncated => f.write_str("the stream ended within a frame"),
            Self::Io(error) => write!(f, "the stream failed: {error}"),
        }
    }
}

impl std::error::Error for FrameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Network;
    use super::super::transport::Transport;
    use super::*;

    fn frame(body: &[u8]) -> Vec<u8> {
        let mut frame = i32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(body);
        frame
    }

    async fn read_all(bytes: &[u8], limit: usize) -> (Vec<Bytes>, Option<FrameError>) {
        let mut reader = FrameReader::new(bytes, limit);
        let mut frames = Vec::new();
        loop {
            match reader.next().await {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, None),
                Err(error) => return (frames, Some(error)),
            }
        }
    }

    #[tokio::test]
    async fn bad_lengths_and_cut_frames_are_errors_after_the_good_ones() {
        async fn check(tail: &[u8], expected: &str) {
            let bytes = [frame(b"good"), tail.to_vec()].concat();
            let (frames, error) = read_all(&bytes, 100).await;
            assert_eq!(frames, [Bytes::from_static(b"good")]);
            assert_eq!(error.map_or_else(String::new, |error| error.to_string()), expected);
        }
        check(&[], "").await;
        check(&[0, 0, 0], "the stream ended within a frame").await;
        check(&[0, 0, 0, 2, 1], "the stream ended within a frame").await;
        check(&[255, 255, 255, 255], "a frame announces a length of -1 bytes").await;
        check(&[0, 0, 0, 101], "a frame announces 101 bytes, which is more than the limit of 100").await;
    }

    #[tokio::test]
    async fn a_lying_length_reserves_no_memory() {
        let (mut writer, reader) = tokio::io::duplex(64);
        writer.write_all(&[0x7f, 0, 0, 0, 1, 2, 3]).await.unwrap();
        let mut reader = FrameReader::new(reader, usize::MAX);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(reader.poll_next(&mut cx).is_pending());
        assert!(reader.buffer.capacity() <= 2 * READ_MAX, "{}", reader.buffer.capacity());
    }

    #[tokio::test]
    async fn a_small_frame_that_is_kept_keeps_nothing_else() {
        let bytes = [frame(&[1; 100]), frame(&[2; COPIED_MAX - LENGTH_SIZE]), frame(&[3; 5_000])].concat();
        let mut reader = FrameReader::new(&bytes[..], 10_000);
        for _ in 0..2 {
            assert!(reader.next().await.unwrap().unwrap().is_unique());
        }
        assert_eq!(reader.next().await.unwrap().unwrap(), [3; 5_000][..]);
    }

    #[tokio::test]
    async fn a_waiting_reader_holds_no_buffer() {
        let (mut writer, reader) = tokio::io::duplex(1 << 20);
        writer.write_all(&frame(&[1; 300_000])).await.unwrap();
        let mut reader = FrameReader::new(reader, usize::MAX);
        assert_eq!(reader.next().await.unwrap().unwrap().len(), 300_000);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(reader.poll_next(&mut cx).is_pending());
        assert_eq!(reader.buffer.capacity(), 0);
    }

    #[tokio::test]
    async fn the_second_large_frame_is_read_to_where_it_stays() {
        let (mut writer, reader) = tokio::io::duplex(1000);
        let mut reader = FrameReader::new(reader, usize::MAX);
        let frames = [frame(&[1; 100_000]), frame(&[2; 90_000]), frame(&[3; 10])].concat();
        let (written, ()) = tokio::join!(writer.write_all(&frames), async {
            assert_eq!(reader.next().await.unwrap().unwrap().len(), 100_000);
            let mut places = std::collections::BTreeSet::new();
            let second = poll_fn(|cx| {
                let polled = reader.poll_next(cx);
                if reader.buffer.len() > LENGTH_SIZE {
                    places.insert(reader.buffer.as_ptr());
                    assert_eq!(reader.buffer.capacity(), LENGTH_SIZE + 90_000);
                }
                polled
            });
            let second = second.await.unwrap().unwrap();
            assert_eq!(places.into_iter().collect::<Vec<_>>(), [second.as_ptr().wrapping_sub(LENGTH_SIZE)]);
            assert_eq!(reader.next().await.unwrap().unwrap(), [3; 10][..]);
        });
        written.unwrap();
    }

    /// Every size around the borders of buffers, over both transports, with all frames under way at once.
    #[tokio::test]
    async fn frames_of_any_size_arrive_whole_and_in_order() {
        let sizes = [0, 1, 507, 508, 509, 5_000, 65_531, 65_532, 65_533, 300_000, 3, 1_500_000, 0, 2];
        for (transport, address) in [(Transport::Memory(Network::new()), "broker:1"), (Transport::Tcp, "127.0.0.1:0")] {
            let mut listener = transport.listen(address).await.unwrap();
            let address = listener.local_address().to_owned();
            let (client, server) = tokio::join!(transport.dial(&address), listener.accept());
            let mut writer = FrameWriter::new(client.unwrap().into_split().1);
            let bodies: Vec<Vec<u8>> = sizes.iter().map(|&size| (0..=250).cycle().take(size).collect()).collect();
            for body in &bodies {
                // Cut anywhere: frames and slices have nothing to do with each other.
                let whole = Bytes::from(frame(body));
                let cut = whole.len() / 3;
                match body.len() % 2 {
                    0 => writer.push([whole]),
                    _ => writer.push([whole.slice(..cut), whole.slice(cut..)]),
                }
            }
            let mut reader = FrameReader::of(server.unwrap().into_split().0, 2_000_000);
            let (written, ()) = tokio::join!(writer.shutdown(), async {
                for body in &bodies {
                    assert!(reader.next().await.unwrap().unwrap() == body[..], "a body of {} bytes", body.len());
                }
                assert_eq!(reader.next().await.unwrap(), None);
            });
            written.unwrap();
            assert_eq!(writer.queued(), 0);
        }
    }
}
