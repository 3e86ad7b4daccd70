//! Byte streams between clients and brokers, over TCP or inside the process, and length-prefixed frames on them.
//!
//! Not here: what is inside a frame; that is [`crate::wire`].
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use bytes::Bytes;
//! use rehearsal::net::{FrameReader, FrameWriter, Transport, memory::Network};
//!
//! let transport = Transport::Memory(Network::new());
//! let mut listener = transport.listen("broker:9092").await.unwrap();
//! let (client, server) = tokio::join!(transport.dial("broker:9092"), listener.accept());
//!
//! let (_, write) = client.unwrap().into_split();
//! let mut writer = FrameWriter::new(write);
//! writer.push([Bytes::from_static(b"\0\0\0\x02"), Bytes::from_static(b"hi")]);
//! writer.flush().await.unwrap();
//!
//! let (read, _) = server.unwrap().into_split();
//! let frame = FrameReader::new(read, 1024).next().await.unwrap();
//! assert_eq!(frame, Some(Bytes::from_static(b"hi")));
//! # });
//! ```

mod alarm;
mod endpoint;
mod framed;
pub mod memory;
mod stream;
mod transport;

pub(crate) use alarm::Alarm;
pub use endpoint::Endpoint;
pub use framed::FrameError;
pub use framed::FrameReader;
pub use framed::FrameWriter;
pub use stream::ReadHalf;
pub use stream::Stream;
pub use stream::WriteHalf;
pub use transport::Listener;
pub use transport::Transport;
