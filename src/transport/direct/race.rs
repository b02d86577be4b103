//! One connection where a name leads to several addresses: attempts follow each other closely, and the first that succeeds is
//! taken (RFC 8305, Happy Eyeballs).

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long an attempt is alone before the next one begins beside it (RFC 8305 5 recommends this). One that fails lets the next
/// begin at once.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the address that answers first. There is no bound but the caller's: an address that is silent holds up nobody.
///
/// # Errors
///
/// Why the last attempt failed, when all have; not found when there is no address.
///
/// # Cancel safety
///
/// Dropping the future gives up all attempts.
pub(super) async fn reach_one(addresses: &[SocketAddr]) -> io::Result<(TcpStream, SocketAddr)> {
    // Most names lead to one address, and that needs no task.
    if let [only] = addresses {
        return Ok((TcpStream::connect(only).await?, *only));
    }
    let mut waiting = interleaved(addresses).into_iter();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::from(ErrorKind::NotFound);
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(async move { (TcpStream::connect(address).await, address) });
        }
        let ended = if waiting.len() > 0 {
            match timeout(ATTEMPT_DELAY, attempts.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            }
        } else {
            attempts.join_next().await
        };
        match ended {
            Some(Ok((Ok(stream), address))) => return Ok((stream, address)),
            Some(Ok((Err(error), _))) => last = error,
            Some(Err(error)) => last = io::Error::other(error),
            None => return Err(last),
        }
    }
}

/// The addresses with both families by turns, in the order of the resolver otherwise: a family that does not work here costs one
/// delay, and not one for each of its addresses (RFC 8305 4).
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_like_first = |address: &&SocketAddr| {
        addresses.first().map(SocketAddr::is_ipv6) == Some(address.is_ipv6())
    };
    let like_first: Vec<_> = addresses.iter().filter(is_like_first).copied().collect();
    let others: Vec<_> =
        addresses.iter().filter(|address| !is_like_first(address)).copied().collect();
    let longest = like_first.len().max(others.len());
    (0..longest).flat_map(|at| [like_first.get(at), others.get(at)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_keep_their_order() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        for (given, wanted) in [
            (&[][..], &[][..]),
            (&["1.0.0.1:1", "1.0.0.2:1"], &["1.0.0.1:1", "1.0.0.2:1"]),
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"],
                &["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "[::3]:1"],
            ),
            (&["1.0.0.1:1", "[::1]:1", "[::2]:1"], &["1.0.0.1:1", "[::1]:1", "[::2]:1"]),
        ] {
            assert_eq!(interleaved(&addresses(given)), addresses(wanted));
        }
    }
}
