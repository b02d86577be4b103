//! What one request costs on its way to a server on the same thread and back. The server's part is in it, and the same for
//! every transport.

use std::net::Ipv4Addr;

use criterion::Criterion;
use rhaid::transport::{RedirectPolicy, Request, TransportFactory, TransportOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"id\": 17}";

/// Answers each read with an answer: a client that waits for it sends one head at a time.
async fn converse(mut stream: TcpStream) {
    let mut head = [0; 4096];
    while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transport");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let address = listener.local_addr().expect("it is bound");
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream));
        }
    });
    let factory = TransportFactory::new(TransportOptions::default()).expect("the defaults work");
    let session = factory.session();
    let url = Url::parse(&format!("http://{address}/")).expect("an address is a host");
    let policy = RedirectPolicy { max_hops: 10 };
    group.bench_function("one GET on an open connection, with the server's part", |bencher| {
        bencher.iter(|| {
            let hops = runtime.block_on(session.send(Request::get(url.clone()), &policy));
            assert!(hops[0].failure.is_none(), "{:?}", hops[0].failure);
        });
    });
    group.finish();
}
