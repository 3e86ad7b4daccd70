//! Where listeners and connections come from.
//!
//! Not here: what is done with them.

use super::memory::Network;
use super::memory::NetworkListener;
use super::stream::Stream;
use std::io;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// What carries bytes between a client and a broker. Cheap to clone.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Transport {
    /// TCP. Not for a paused clock: sockets do not know virtual time, so every time-out would fire at once.
    #[default]
    Tcp,
    /// Streams inside the process, between those who share the network.
    Memory(Network),
}

/// A place where connections arrive; dropping it ends the place and leaves accepted connections alone.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    local_address: String,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Memory(NetworkListener),
}

impl Transport {
    /// Listens on `address`, written `host:port`; port 0 asks for any free one.
    ///
    /// # Errors
    /// `AddrInUse`, `InvalidInput`, or what the operating system says.
    pub async fn listen(&self, address: &str) -> io::Result<Listener> {
        match self {
            Self::Tcp => {
                let listener = TcpListener::bind(address).await?;
                let local_address = listener.local_addr()?.to_string();
                Ok(Listener { kind: Kind::Tcp(listener), local_address })
            }
            Self::Memory(network) => {
                let listener = network.listen(address)?;
                let local_address = listener.local_address().to_owned();
                Ok(Listener { kind: Kind::Memory(listener), local_address })
            }
        }
    }

    /// Connects to `address`, written `host:port`. Waits as long as the transport does: put a deadline around it.
    ///
    /// # Errors
    /// `ConnectionRefused`, or what the operating system says.
    pub async fn dial(&self, address: &str) -> io::Result<Stream> {
        match self {
            Self::Tcp => Stream::tcp(TcpStream::connect(address).await?),
            Self::Memory(network) => network.dial(address).await,
        }
    }
}

impl Listener {
    /// Waits for the next connection. Cancel safe.
    ///
    /// # Errors
    /// What the operating system says, for example that there are too many open files; the listener stays usable.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        match &mut self.kind {
            Kind::Tcp(listener) => loop {
                // A peer that is gone before it was accepted is none, and must not look like a broken listener.
                if let Ok(stream) = Stream::tcp(listener.accept().await?.0) {
                    return Ok(stream);
                }
            },
            Kind::Memory(listener) => listener.accept().await,
        }
    }

    /// The address to dial, as `host:port` with the port that was given.
    pub fn local_address(&self) -> &str {
        &self.local_address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;

    async fn check(transport: Transport) {
        let mut listener = transport.listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_address().to_owned();
        assert!(!address.ends_with(":0"), "{address}");
        assert_eq!(transport.listen(&address).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);

        let (client, server) = tokio::join!(transport.dial(&address), listener.accept());
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        assert_eq!(client.peer_address(), address);
        assert_eq!(client.local_address(), server.peer_address());

        client.write_all(b"ping").await.unwrap();
        client.shutdown().await.unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "ping");
        // One direction is closed, the other still works.
        server.write_all(b"pong").await.unwrap();
        drop(server);
        text.clear();
        client.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "pong");

        drop(listener);
        assert_eq!(transport.dial(&address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn tcp_carries_bytes_both_ways_and_closes_by_halves() {
        check(Transport::Tcp).await;
    }

    #[tokio::test]
    async fn memory_carries_bytes_both_ways_and_closes_by_halves() {
        check(Transport::Memory(Network::new())).await;
    }
}
