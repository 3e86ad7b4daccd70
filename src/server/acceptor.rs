//! Where brokers listen: connections are accepted as long as their broker runs.
//!
//! Not here: what is said on a connection.

use super::connection;
use super::connection::Limits;
use super::error::Error;
use super::error::Result;
use super::shell::Shell;
use crate::base::BrokerId;
use crate::net::Listener;
use crate::net::Stream;
use crate::net::Transport;
use std::sync::Arc;
use tokio::task::JoinSet;

/// What all brokers of a cluster listen on and with.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) transport: Transport,
    pub(super) host: String,
    pub(super) limits: Limits,
}

/// Waits for a connection; without a listener there never is one. Cancel safe.
async fn next_stream(listener: Option<&mut Listener>) -> std::io::Result<Stream> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Listens once more on the address of a broker that starts again; `None` when the cluster stops meanwhile.
async fn listen_again(shell: &Shell, broker: BrokerId, transport: &Transport, address: &str) -> Option<Listener> {
    loop {
        match transport.listen(address).await {
            Ok(listener) => return Some(listener),
            Err(error) => {
                // Somebody else has taken the port meanwhile; it may be given back.
                tracing::warn!(%error, broker = broker.0, "cannot listen again");
                tokio::select! {
                    biased;
                    () = shell.stopped() => return None,
                    () = shell.clock.sleep_until(shell.clock.now().plus_ms(10)) => {}
                }
            }
        }
    }
}

/// Listens for the broker that is the `n`-th from 0.
pub(super) async fn listen(transport: &Transport, host: &str, port: u16, n: u16) -> Result<Listener> {
    let port = match port {
        0 => 0,
        first => first.checked_add(n).ok_or_else(|| {
            Error::Config(format!("port {first} leaves no room for broker {}; ports end at 65535", n + 1))
        })?,
    };
    let address = format!("{host}:{port}");
    transport.listen(&address).await.map_err(|source| Error::Bind { address, source })
}

/// Splits `host:port` as a listener reports it.
pub(super) fn host_and_port(address: &str) -> (String, u16) {
    let (host, port) = address.rsplit_once(':').expect("a listener's address has a port");
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (host.to_owned(), port.parse().expect("a listener's port is a number"))
}

/// Accepts connections to one broker, each served by a task of its own, until the cluster stops; ends after them.
///
/// While the broker is down nobody listens on its address, so that clients are refused as by a real machine.
pub(super) async fn accept(
    shell: Arc<Shell>,
    broker: BrokerId,
    transport: Transport,
    listener: Listener,
    limits: Limits,
) {
    let mut connections = JoinSet::new();
    let mut listening = shell.listening(broker);
    let address = listener.local_address().to_owned();
    let mut listener = Some(listener).filter(|_| *listening.borrow_and_update());
    {
        let stopped = shell.stopped();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                // Why a connection ended is in the journal; a panic has reported itself.
                Some(_) = connections.join_next() => {}
                Ok(()) = listening.changed() => {
                    if *listening.borrow_and_update() {
                        if listener.is_none() {
                            listener = listen_again(&shell, broker, &transport, &address).await;
                        }
                    } else {
                        listener = None;
                    }
                }
                accepted = next_stream(listener.as_mut()) => match accepted {
                    Ok(stream) => {
                        let shell = Arc::clone(&shell);
                        connections.spawn(async move { connection::serve(&shell, broker, stream, limits).await });
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely: others must end before the next can come.
                        tracing::warn!(%error, broker = broker.0, "cannot accept a connection");
                        shell.clock.sleep_until(shell.clock.now().plus_ms(10)).await;
                    }
                },
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
