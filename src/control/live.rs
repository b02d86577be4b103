//! The live feed of a run: as a WebSocket for pages, as server-sent events for everybody else.
//!
//! Both read from the run's feed when they can send. Nothing is queued for a client: one that does not read for a while is
//! let go, and may come back with `since`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

use super::error::{Answer, Refusal};
use super::feed::{Feed, Kind, Message};
use super::guard::is_token;
use super::queue::Control;
use super::runs::run_id_of;
use super::state::State as RunState;
use super::stored;
use super::system::blocking;
use crate::plan::TestType;

/// How long a client may take to show its token.
const TOKEN_WITHIN: Duration = Duration::from_secs(5);
/// How long a client may take to read a message.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Between two signs of life.
const PING: Duration = Duration::from_secs(20);
/// What a client may send.
const MOST_BYTES: usize = 4 << 10;
/// The close code of a server that is full (RFC 6455's registry).
const TRY_AGAIN_LATER: u16 = 1013;
/// Before a token in the subprotocol.
const TOKEN_PREFIX: &str = "rhaid.";

/// Where a client left off.
#[derive(Debug, Deserialize)]
pub(super) struct Since {
    since: Option<u64>,
}

/// What one client has still to be told.
struct Follower {
    feed: Arc<Feed>,
    newest: watch::Receiver<u64>,
    seq: u64,
    /// Whether snapshots that were missed are wanted: once, after coming back.
    with_all: bool,
    waiting: VecDeque<Message>,
    has_ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    fn new(feed: Arc<Feed>, since: Option<u64>, permit: OwnedSemaphorePermit) -> Self {
        let newest = feed.watch();
        Self {
            feed,
            newest,
            seq: since.unwrap_or(0),
            with_all: since.is_some(),
            waiting: VecDeque::new(),
            has_ended: false,
            _permit: permit,
        }
    }

    /// The next message; `None` after the last.
    async fn next(&mut self) -> Option<Message> {
        while self.waiting.is_empty() {
            if self.has_ended {
                return None;
            }
            self.newest.borrow_and_update();
            self.waiting = self.feed.after(self.seq, self.with_all).into();
            self.with_all = false;
            if self.waiting.is_empty() && self.newest.changed().await.is_err() {
                return None;
            }
        }
        let message = self.waiting.pop_front()?;
        self.seq = message.seq;
        self.has_ended = message.kind == Kind::End;
        Some(message)
    }
}

/// The feed of a run of this server; of one that has ended before, a feed that says so.
async fn feed_of(control: &Arc<Control>, id: String) -> Answer<Arc<Feed>> {
    let control = control.clone();
    blocking(move || {
        let run_id = run_id_of(&control, &id)?;
        if let Some(entry) = control.entry(&run_id) {
            return Ok(entry.feed);
        }
        let row = stored::row_of(&control.config.database, &run_id);
        let row = row.ok_or_else(|| Refusal::unknown("there is no such run"))?;
        let feed = Feed::new(&run_id, TestType::Load);
        feed.end(
            RunState::stored(row.status, row.test_type, row.exit_code),
            row.exit_code,
            Some(row.id),
        );
        Ok(feed)
    })
    .await
}

fn permit(control: &Control) -> Answer<OwnedSemaphorePermit> {
    control.followers.clone().try_acquire_owned().map_err(|_| {
        let message = "too many clients follow runs already";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_followers", message)
    })
}

/// `GET /api/tests/runs/{id}/events`
pub(super) async fn events(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
    Query(since): Query<Since>,
    headers: HeaderMap,
) -> Answer<Response> {
    let permit = permit(&control)?;
    // What an `EventSource` sends when it comes back.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let feed = feed_of(&control, id).await?;
    let follower = Follower::new(feed, last.or(since.since), permit);
    let stream = futures_util::stream::unfold(follower, async |mut follower| {
        let message = follower.next().await?;
        let event = Event::default().id(message.seq.to_string()).data(&*message.text);
        Some((Ok::<_, Infallible>(event), follower))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(PING)).into_response())
}

/// `GET /api/tests/ws/{id}`
pub(super) async fn socket(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
    Query(since): Query<Since>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let offered: Vec<String> = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|protocol| protocol.trim().to_owned())
        .filter(|protocol| protocol.starts_with(TOKEN_PREFIX))
        .collect();
    let is_shown = control.config.token.is_none()
        || offered.iter().any(|protocol| is_token(&control, &protocol[TOKEN_PREFIX.len()..]));
    let upgrade = upgrade
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        .read_buffer_size(MOST_BYTES)
        .write_buffer_size(0);
    // A browser closes a connection whose subprotocol is not one of those that it offered.
    let upgrade = upgrade.protocols(offered);
    upgrade.on_upgrade(async move |mut socket| {
        let is_known = is_shown || shows_token(&control, &mut socket).await;
        if !is_known {
            return close(&mut socket, 4401, "the token is missing or wrong").await;
        }
        // Not before: whoever has no token must not take the places of those who have.
        let permit = match permit(&control) {
            Ok(permit) => permit,
            Err(refusal) => return close(&mut socket, TRY_AGAIN_LATER, &refusal.message).await,
        };
        match feed_of(&control, id).await {
            Ok(feed) => follow(&mut socket, Follower::new(feed, since.since, permit)).await,
            Err(refusal) => close(&mut socket, 4404, &refusal.message).await,
        }
    })
}

/// Waits for the frame with the token.
async fn shows_token(control: &Control, socket: &mut WebSocket) -> bool {
    #[derive(Deserialize)]
    struct First {
        token: String,
    }
    let first = timeout(TOKEN_WITHIN, socket.recv()).await;
    let Ok(Some(Ok(Frame::Text(text)))) = first else { return false };
    serde_json::from_str::<First>(&text).is_ok_and(|first| is_token(control, &first.token))
}

/// Sends what there is until the run or the client ends.
async fn follow(socket: &mut WebSocket, mut follower: Follower) {
    let mut ping = tokio::time::interval(PING);
    loop {
        let frame = tokio::select! {
            message = follower.next() => match message {
                Some(message) => Frame::Text((&*message.text).into()),
                None => return close(socket, 1000, "the run has ended").await,
            },
            received = socket.recv() => match received {
                // What clients say here means nothing: runs are controlled by requests.
                Some(Ok(_)) => continue,
                _ => return,
            },
            _ = ping.tick() => Frame::Ping(Vec::new().into()),
        };
        if !matches!(timeout(READ_WITHIN, socket.send(frame)).await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &str) {
    let frame = axum::extract::ws::CloseFrame { code, reason: reason.into() };
    // The client may be gone already.
    let _ = timeout(READ_WITHIN, socket.send(Frame::Close(Some(frame)))).await;
}
