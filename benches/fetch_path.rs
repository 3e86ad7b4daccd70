//! How far is a fetch over TCP from a plain write and read of the same bytes?

use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use rehearsal::ApiKey;
use rehearsal::Cluster;
use rehearsal::Record;
use rehearsal::wire::Request;
use rehearsal::wire::RequestHeader;
use rehearsal::wire::frame;
use rehearsal::wire::messages::fetch::FetchPartition;
use rehearsal::wire::messages::fetch::FetchRequest;
use rehearsal::wire::messages::fetch::FetchTopic;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;

fn request() -> Vec<u8> {
    let row = FetchPartition { partition: 0, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = FetchTopic { topic: "orders".into(), partitions: vec![row], ..Default::default() };
    let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
    let header = RequestHeader { api_key: ApiKey::Fetch.code(), api_version: 11, correlation_id: 1, client_id: None };
    frame::encode_request(&header, &Request::Fetch(request)).expect("a good request").concat()
}

/// Sends the request and reads the whole answer; returns its length.
fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> usize {
    stream.write_all(request).expect("a peer");
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let length = usize::try_from(u32::from_be_bytes(length)).expect("32 bits fit");
    buffer.resize(length, 0);
    stream.read_exact(buffer).expect("an answer");
    length
}

/// Answers each request with `size` bytes.
fn plain(listener: &TcpListener, request_size: usize, size: usize) {
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut answer = u32::try_from(size).expect("32 bits are enough").to_be_bytes().to_vec();
    answer.resize(4 + size, 7);
    let mut request = vec![0; request_size];
    while stream.read_exact(&mut request).is_ok() && stream.write_all(&answer).is_ok() {}
}

fn fetching(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
    let cluster = runtime.block_on(Cluster::builder().topic("orders", 1).start()).expect("a cluster");
    for _ in 0..11 {
        cluster.seed("orders", (0..1000).map(|_| Record::new(vec![7; 90]))).expect("a topic");
    }
    let request = request();
    let mut buffer = Vec::new();
    let mut stream = TcpStream::connect(cluster.bootstrap_servers()).expect("a cluster");
    stream.set_nodelay(true).expect("a TCP socket");
    let size = exchange(&mut stream, &request, &mut buffer);
    c.bench_function(&format!("{size} B/fetch over TCP"), |b| {
        b.iter(|| exchange(&mut stream, &request, &mut buffer));
    });

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it listens");
    let request_size = request.len();
    let server = std::thread::spawn(move || plain(&listener, request_size, size));
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a TCP socket");
    c.bench_function(&format!("{size} B/plain write and read"), |b| {
        b.iter(|| exchange(&mut stream, &request, &mut buffer));
    });
    drop(stream);
    server.join().expect("no panic");
}

criterion_group!(fetch_path, fetching);
criterion_main!(fetch_path);
