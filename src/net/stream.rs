//! A connection as two halves, whatever carries its bytes.
//!
//! Not here: frames.

use super::memory::PipeReader;
use super::memory::PipeWriter;
use bytes::Buf;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

/// How many slices one system call is given at most.
const SLICES_MAX: usize = 64;

/// A connection to a peer.
#[derive(Debug)]
pub struct Stream {
    read: ReadHalf,
    write: WriteHalf,
    local_address: String,
    peer_address: String,
}

/// The half of a connection from which bytes come.
#[derive(Debug)]
pub struct ReadHalf(Read);

/// The half of a connection into which bytes go; dropping it tells the peer that no more will come.
#[derive(Debug)]
pub struct WriteHalf(Write);

#[derive(Debug)]
enum Read {
    Tcp(OwnedReadHalf),
    Memory(PipeReader),
}

#[derive(Debug)]
enum Write {
    Tcp(OwnedWriteHalf),
    Memory(PipeWriter),
}

impl Stream {
    /// Takes over a TCP connection and turns Nagle's algorithm off.
    ///
    /// # Errors
    /// What the operating system says when the connection is gone already.
    pub fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let local_address = stream.local_addr()?.to_string();
        let peer_address = stream.peer_addr()?.to_string();
        let (read, write) = stream.into_split();
        Ok(Self { read: ReadHalf(Read::Tcp(read)), write: WriteHalf(Write::Tcp(write)), local_address, peer_address })
    }

    /// Makes one side of an in-process connection.
    pub(super) fn memory(read: PipeReader, write: PipeWriter, local_address: String, peer_address: String) -> Self {
        let (read, write) = (ReadHalf(Read::Memory(read)), WriteHalf(Write::Memory(write)));
        Self { read, write, local_address, peer_address }
    }

    /// Our end, as `host:port`.
    pub fn local_address(&self) -> &str {
        &self.local_address
    }

    /// The other end, as `host:port`.
    pub fn peer_address(&self) -> &str {
        &self.peer_address
    }

    /// The two halves, to be used by different tasks.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        (self.read, self.write)
    }
}

impl ReadHalf {
    /// Takes a frame with its length, which is at most `limit`, when it has come in one piece: inside the process.
    pub(super) fn poll_frame(&self, limit: usize, cx: &Context<'_>) -> Option<Poll<Bytes>> {
        match &self.0 {
            Read::Memory(pipe) => pipe.poll_frame(limit, cx),
            Read::Tcp(_) => None,
        }
    }
}

impl WriteHalf {
    /// Writes the slices of `queue` from its front and takes away what was written; ready when the queue is empty.
    pub(super) fn poll_write_all(&mut self, cx: &mut Context<'_>, queue: &mut VecDeque<Bytes>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            // Inside the process a slice changes hands without being copied.
            Write::Memory(pipe) => pipe.poll_write_all(cx, queue),
            Write::Tcp(tcp) => poll_write_vectored_all(Pin::new(tcp), cx, queue),
        }
    }
}

/// Hands `queue` to a writer that takes what it likes of each offer.
fn poll_write_vectored_all<W: AsyncWrite>(
    mut writer: Pin<&mut W>,
    cx: &mut Context<'_>,
    queue: &mut VecDeque<Bytes>,
) -> Poll<io::Result<()>> {
    loop {
        while queue.front().is_some_and(Bytes::is_empty) {
            queue.pop_front();
        }
        if queue.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for bytes in queue.iter().take(SLICES_MAX) {
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        let mut written = match writer.as_mut().poll_write_vectored(cx, &slices[..count]) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        while written > 0 {
            let front = queue.front_mut().expect("no more is written than was offered");
            let part = written.min(front.len());
            front.advance(part);
            written -= part;
            if front.is_empty() {
                queue.pop_front();
            }
        }
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Read::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Read::Memory(pipe) => pipe.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Write::Tcp(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Write::Memory(pipe) => pipe.poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Write::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Write::Memory(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Write::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Write::Memory(pipe) => {
                pipe.close();
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `step` bytes at a time, across the borders of slices.
    struct Slow {
        step: usize,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Slow {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            unreachable!("only vectored writes are made")
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let offered: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            let count = self.step.min(offered.len());
            self.taken.extend_from_slice(&offered[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn partial_writes_lose_and_repeat_nothing() {
        let whole: Vec<u8> = (0..=255).collect();
        let check = |step: usize, size: usize| {
            let mut queue: VecDeque<Bytes> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
            queue.push_back(Bytes::new());
            let mut slow = Slow { step, taken: Vec::new() };
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let result = poll_write_vectored_all(Pin::new(&mut slow), &mut cx, &mut queue);
            assert!(matches!(result, Poll::Ready(Ok(()))) && queue.is_empty());
            assert_eq!(slow.taken, whole, "{step} bytes at a time of slices of {size}");
        };
        for step in [1, 2, 3, 7, 64, 300] {
            for size in [1, 2, 5, 100, 256] {
                check(step, size);
            }
        }
    }
}
