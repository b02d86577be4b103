//! The response parser alone: any bytes, cut in any way.

use http::Method;
use proptest::prelude::*;

use super::fuzzed::{Outcome, Question, check};
use crate::metric::failure::FailureKind;

/// Where inputs of the fuzzer lie that were worth keeping.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus");

fn receive<'a>(method: &Method, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    Question::new(method).ask(pieces)
}

fn get(answer: &str) -> Outcome {
    receive(&Method::GET, [answer.as_bytes()])
}

#[test]
fn every_way_to_tell_the_end_of_a_body_is_understood() {
    for (answer, body, is_persistent) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "abc", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\nContent-Length: 3\r\n\r\nabc", "abc", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", true),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n\
             1 ;x=\"y\"\r\na\r\n002\r\nbc\r\n0;z\r\nx-sum: 1\r\n\r\n",
            "abc",
            true,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: x, Close\r\n\r\nabc", "abc", false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc", "abc", false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\nabc", "abc", true),
        ("HTTP/1.1 200 OK\r\n\r\nabc", "abc", false),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc", "abc", false),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n", "", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "", true),
        ("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\r\n", "", false),
    ] {
        let outcome = get(answer);
        assert_eq!((outcome.kind(), &*outcome.exchange.body), (None, body.as_bytes()), "{answer}");
        assert_eq!(outcome.is_persistent, is_persistent, "{answer}");
    }
    let head = receive(&Method::HEAD, [&b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"[..]]);
    assert!(head.is_whole && head.is_persistent);
}

#[test]
fn a_connection_on_which_the_next_answer_cannot_be_trusted_is_not_used_again() {
    for answer in [
        // More than was announced, and answers to questions that nobody asked.
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nx",
        // Two ways to tell the end.
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let outcome = get(answer);
        assert!(outcome.is_whole && !outcome.is_persistent, "{answer}: {outcome:?}");
    }
}

#[test]
fn what_is_not_http_is_protocol_and_what_ends_too_soon_closed_early() {
    let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17);
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let extension = format!("{head}1;{}", "x".repeat(20_000));
    let trailer = format!("{head}0\r\nx: {}", "x".repeat(20_000));
    let chunked = |rest: &str| format!("{head}{rest}");
    for answer in [
        &*flood,
        &*extension,
        &*trailer,
        &*chunked("\r\n"),
        &*chunked("g\r\n"),
        &*chunked("1\n"),
        &*chunked("11111111111111111\r\n"),
        &*chunked("1 1\r\na\r\n"),
        &*chunked("1\r\nabc"),
        &*chunked("0\r\nno field\r\n\r\n"),
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3, 4\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nabc",
    ] {
        let outcome = get(answer);
        assert_eq!(outcome.kind(), Some(FailureKind::Protocol), "{outcome:?}");
    }
    for answer in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"] {
        assert_eq!(get(answer).kind(), Some(FailureKind::ClosedEarly), "{answer}");
    }
}

#[test]
fn a_head_that_trickles_in_is_bounded() {
    let line = "x: y\r\n".repeat(10);
    let pieces = std::iter::once("HTTP/1.1 200 OK\r\n").chain(std::iter::repeat_n(&*line, 10_000));
    let outcome = receive(&Method::GET, pieces.map(str::as_bytes));
    assert_eq!(outcome.kind(), Some(FailureKind::Protocol), "{outcome:?}");
}

#[test]
fn what_the_fuzzer_starts_from_holds() {
    let mut kinds = std::collections::BTreeSet::new();
    let entries = std::fs::read_dir(CORPUS).unwrap();
    for path in entries.map(|entry| entry.unwrap().path()) {
        let outcome = check(&std::fs::read(&path).unwrap()).expect("an input of two bytes or more");
        kinds.insert((outcome.kind(), outcome.is_whole, outcome.is_persistent));
    }
    // Good, good and closing, cut off by the target, no HTTP, too long.
    assert!(kinds.len() >= 5, "{kinds:?}");
}

/// Pieces of which answers are made, good ones and bad ones.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 204 \r\n",
        b"content-length: 5\r\n",
        b"content-length: 0\r\n",
        b"transfer-encoding: chunked\r\n",
        b"connection: close\r\n",
        b"x: \xff\r\n",
        b"\r\n",
        b"\n",
        b"5\r\nhello\r\n",
        b"0\r\n",
        b"hello",
        b";ext=1",
    ];
    let fragment = prop_oneof![
        8 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(fragment, 0..14).prop_map(|fragments| fragments.concat())
}

/// An answer that begins as one should, so that bodies are reached.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let framings = ["content-length: 10\r\n", "transfer-encoding: chunked\r\n", ""];
    let begun =
        (prop::sample::select(framings.to_vec()), fragments()).prop_map(|(framing, rest)| {
            [format!("HTTP/1.1 200 OK\r\n{framing}\r\n").into_bytes(), rest].concat()
        });
    prop_oneof![fragments(), begun]
}

proptest! {
    #[test]
    fn however_an_answer_is_cut_the_same_comes_of_it(
        answer in answers(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        is_head in any::<bool>(),
    ) {
        let method = if is_head { Method::HEAD } else { Method::GET };
        let whole = receive(&method, [&answer[..]]);
        prop_assert!(whole.exchange.body.len() <= answer.len());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(answer.len() + 1)).collect();
        cuts.extend([0, answer.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &answer[cut[0]..cut[1]]);
        let cut = receive(&method, pieces);
        prop_assert_eq!(cut.told(), whole.told());
        let trickled = receive(&method, answer.chunks(1));
        prop_assert_eq!(trickled.told(), whole.told());
    }
}
