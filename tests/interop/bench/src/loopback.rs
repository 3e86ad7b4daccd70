//! What the same bytes cost when nothing but two system calls moves them.

use serde_json::json;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;

/// Answers each request of any kind with `size` bytes, for one connection after the other.
pub fn serve(size: &str) {
    let size: usize = size.parse().expect("a number");
    // As much as a log would hold, so that caches help as little.
    let store = vec![b'x'; 128 << 20];
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", json!({ "bootstrap_servers": listener.local_addr().expect("it listens").to_string() }));
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("a TCP socket");
        let mut at = 0;
        let mut request = [0; 4096];
        let mut length = [0; 4];
        while stream.read_exact(&mut length).is_ok() {
            let rest = usize::try_from(u32::from_be_bytes(length)).expect("32 bits fit");
            stream.read_exact(&mut request[..rest]).expect("a whole request");
            if at + size > store.len() {
                at = 0;
            }
            stream.write_all(&u32::try_from(size).expect("32 bits are enough").to_be_bytes()).expect("a peer");
            stream.write_all(&store[at..at + size]).expect("a peer");
            at += size;
        }
    }
}
