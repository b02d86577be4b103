//! The same bytes in, the same exchange out, on both transports.

use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::fault_server::FaultServer;
use super::get;
use crate::metric::failure::FailureKind;
use crate::transport::{
    Exchange, TransportChoice, TransportFactory, TransportOptions, VuTransport,
};

/// Answers to change here and there.
const ANSWERS: [&str; 10] = [
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nhello",
    "HTTP/1.0 404 Not Found\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/1.1 204 No Content\r\nserver: t\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-length: 5\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/1.1 500 Oh\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "HTTP/1.1 200\r\nset-cookie: a=b\r\nset-cookie: c=d\r\nContent-Length: 0\r\n\r\n",
];

/// Bytes that mean something where they are.
const TELLING: &[u8] = b"\r\n :;,0159afHT/.\0\x7f\xff\t";

/// One answer with up to three bytes changed, put in or taken out.
fn changed(random: &mut Pcg64) -> Vec<u8> {
    let mut answer = ANSWERS[random.random_range(0..ANSWERS.len())].as_bytes().to_vec();
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..answer.len());
        let byte = TELLING[random.random_range(0..TELLING.len())];
        match random.random_range(0..4) {
            0 => answer.insert(at, byte),
            1 if answer.len() > 1 => drop(answer.remove(at)),
            2 => answer.truncate(at.max(1)),
            _ => answer[at] = byte,
        }
    }
    answer
}

fn on(transport: TransportChoice) -> VuTransport {
    let options = TransportOptions { transport, keep_alive: false, ..TransportOptions::default() };
    TransportFactory::new(options).unwrap().connect_set()
}

/// All of an exchange that does not depend on time or on how the transport counts.
fn told(exchange: &Exchange) -> String {
    let Exchange { status, version, headers, body, truncated, .. } = exchange;
    let kind: Option<FailureKind> = exchange.failure.as_ref().map(|failure| failure.kind);
    format!("{status:?} {version:?} {headers:?} {body:?} {truncated} {kind:?}")
}

#[tokio::test]
async fn both_transports_make_the_same_of_the_same_bytes() {
    let mut random = Pcg64::seed_from_u64(7);
    let answers: Arc<[Vec<u8>]> = (0..400).map(|_| changed(&mut random)).collect();
    let served = Arc::clone(&answers);
    let server = FaultServer::start(move |mut connection| {
        let answers = Arc::clone(&served);
        async move {
            let Some(request) = connection.request().await else { return };
            let path = request.split(' ').nth(1).unwrap();
            connection.say(&answers[path[1..].parse::<usize>().unwrap()]).await;
        }
    })
    .await;
    let (direct, reqwest) = (on(TransportChoice::Direct), on(TransportChoice::Reqwest));
    for (index, answer) in answers.iter().enumerate() {
        let mut request = get(&format!("{}{index}", server.url));
        request.timeout = Duration::from_secs(10);
        let (ours, theirs) = (direct.send(&request).await, reqwest.send(&request).await);
        let answer = answer.escape_ascii();
        assert_eq!(told(&ours), told(&theirs), "{answer}: {:?} {:?}", ours.failure, theirs.failure);
    }
}
