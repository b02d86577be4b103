//! Who is signed in: random tokens with an expiry, in memory.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;

/// Shards, so that sign-ins on different threads seldom meet. A power of two.
const SHARD_COUNT: usize = 16;

/// Sign-ins that a shard remembers, about a million in all; past that the oldest gives way.
const SHARD_CAPACITY: usize = 65_536;

/// The longest sign-in, so that its end is an instant that the clock can name.
const TTL_MAX: Duration = Duration::from_secs(365 * 86_400);

/// A bearer token: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Token(u128);

impl Token {
    fn random() -> Self {
        Self(rand::random())
    }

    fn shard(self) -> usize {
        (self.0 as usize) % SHARD_COUNT
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The text is not a token.
#[derive(Debug)]
pub(crate) struct NotAToken;

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let is_token = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_token {
            return Err(NotAToken);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NotAToken)
    }
}

#[derive(Debug, Default)]
struct Shard {
    users: HashMap<Token, (i64, Instant)>,
    /// Tokens in the order they expire, since all live equally long. Signed-out ones stay until
    /// their turn.
    order: VecDeque<(Token, Instant)>,
}

impl Shard {
    /// Forgets what has expired, and the oldest if there is no room for one more.
    fn make_room(&mut self, now: Instant) {
        while let Some((token, expires_at)) = self.order.front().copied()
            && (expires_at <= now || self.order.len() >= SHARD_CAPACITY)
        {
            self.order.pop_front();
            self.users.remove(&token);
        }
    }
}

/// Everybody who is signed in.
#[derive(Debug)]
pub(crate) struct Sessions {
    shards: [Mutex<Shard>; SHARD_COUNT],
    ttl: Duration,
}

impl Sessions {
    /// Nobody is signed in; sign-ins will last for `ttl`, at most a year.
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { shards: Default::default(), ttl: ttl.min(TTL_MAX) }
    }

    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Signs the user in.
    pub(crate) fn open(&self, user_id: i64) -> Token {
        let (token, now) = (Token::random(), clock::now());
        let expires_at = now + self.ttl;
        let mut shard = self.shard(token);
        shard.make_room(now);
        shard.users.insert(token, (user_id, expires_at));
        shard.order.push_back((token, expires_at));
        token
    }

    /// The user whose token this is; `None` once it has expired.
    pub(crate) fn user(&self, token: Token) -> Option<i64> {
        let (user_id, expires_at) = self.shard(token).users.get(&token).copied()?;
        (clock::now() < expires_at).then_some(user_id)
    }

    /// Signs out.
    pub(crate) fn close(&self, token: Token) {
        self.shard(token).users.remove(&token);
    }

    /// Sign-ins that are remembered, expired ones included until a later sign-in clears them.
    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).users.len()).sum()
    }

    fn shard(&self, token: Token) -> MutexGuard<'_, Shard> {
        lock(&self.shards[token.shard()])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // No code that can panic runs under the lock.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_token_holds_until_it_expires() {
        let sessions = Sessions::new(TTL);
        let token = sessions.open(7);
        tokio::time::advance(TTL - Duration::from_millis(1)).await;
        assert_eq!(sessions.user(token), Some(7));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(sessions.user(token), None);
    }

    #[tokio::test(start_paused = true)]
    async fn expired_sign_ins_are_forgotten() {
        let sessions = Sessions::new(TTL);
        for user in 0..1_000 {
            sessions.open(user);
        }
        tokio::time::advance(TTL).await;
        // A later sign-in clears its own shard: enough of them reach all.
        for user in 0..1_000 {
            sessions.open(user);
        }
        assert_eq!(sessions.count(), 1_000);
    }

    #[tokio::test]
    async fn a_closed_token_no_longer_holds() {
        let sessions = Sessions::new(TTL);
        let (token, other) = (sessions.open(1), sessions.open(1));
        sessions.close(token);
        assert_eq!(sessions.user(token), None);
        assert_eq!(sessions.user(other), Some(1));
    }

    #[test]
    fn a_token_reads_back_as_it_was_written() {
        let token = Token(0xAB);
        assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        for text in
            ["", "ab", "+0000000000000000000000000000000", "zz000000000000000000000000000000"]
        {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
    }
}
