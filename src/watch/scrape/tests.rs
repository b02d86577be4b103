//! Pages of servers that are what they should be, and of others.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers every connection with the same bytes; says on which port.
async fn serve(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

fn page(port: u16) -> ScrapePage {
    let host = "127.0.0.1".to_owned();
    ScrapePage { host, port, path: "/metrics".to_owned(), resources: Vec::new() }
}

async fn first(pages: Vec<ScrapePage>) -> Scraped {
    ScrapeWatch::start(pages).next().await.expect("there is a page")
}

#[tokio::test]
async fn a_page_is_fetched_again_and_again_and_each_by_itself() {
    let good = serve("HTTP/1.1 200 OK\r\n\r\nprocess_open_fds 7\n").await;
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent_port = silent.local_addr().expect("bound").port();
    let mut watch = ScrapeWatch::start(vec![page(silent_port), page(good)]);
    let mut good_ones = 0;
    while good_ones < 2 {
        let scraped = watch.next().await.expect("there are pages");
        match scraped.outcome {
            Ok(read) => {
                good_ones += 1;
                let resource = format!("process open files (127.0.0.1:{good})");
                assert_eq!((scraped.page, &*read.levels[0].resource), (1, resource.as_str()));
                assert_eq!(read.levels[0].used, 7.0);
            }
            Err(error) => {
                assert_eq!(scraped.page, 0);
                assert!(matches!(error, ScrapeError::Fetch(FetchError::TimedOut(_))), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_page_is_an_error_in_words() {
    for (answer, why) in [
        ("garbage", "the answer is not HTTP"),
        ("HTTP/1.1 200 OK\r\n\r\n<html></html>", "line 1 is no metric: it has no name"),
        ("HTTP/1.1 503 Busy\r\n\r\n", "the answer has status 503"),
    ] {
        let scraped = first(vec![page(serve(answer).await)]).await;
        assert_eq!(scraped.outcome.expect_err(answer).to_string(), why);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = nobody.local_addr().expect("bound").port();
    drop(nobody);
    let error = first(vec![page(port)]).await.outcome.expect_err("nobody listens");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn without_pages_there_is_nothing_to_wait_for() {
    assert!(ScrapeWatch::start(Vec::new()).next().await.is_none());
}
