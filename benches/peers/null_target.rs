//! The target that generators are compared on: one thread that answers every request at once, or a fixed time later, and counts.
//!
//! `null-target [DELAY_US]` listens on a free port of this machine, says where in one line, and ends when its standard input does.
//! It does as little as a target can, so that a comparison shows the generators: it looks for the ends of heads and reads
//! nothing else. A request with a body is therefore counted wrongly; none of those compared here has one.
//!
//! `GET /-/seen` is not counted. It answers with what was, in JSON, and everything counts from zero again.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rhaid::metric::{Histogram, Quantile};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

/// What every request is answered with.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 39\r\n\r\n\
    {\"token\":\"x\",\"id\":1,\"items\":[{\"id\":1}]}";
/// What ends a head.
const END: &[u8] = b"\r\n\r\n";
/// How a request for the counts begins.
const ASKS: &[u8] = b"GET /-/seen ";
/// A longer head ends its connection.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Read at once.
const READ_BYTES: usize = 16 << 10;
/// Events taken at once.
const EVENTS: usize = 512;
/// Connections that may wait to be taken: all of a tool's come at once.
const BACKLOG: i32 = 4096;
/// The length of a bucket of counts, in nanoseconds.
const BUCKET_NS: u64 = 100_000_000;
/// Buckets that are kept: ten minutes.
const MAX_BUCKETS: usize = 6000;
/// What an event is about when it is no connection.
const LISTENER: u64 = u64::MAX;
const INPUT: u64 = u64::MAX - 1;
const TIMER: u64 = u64::MAX - 2;

fn main() -> io::Result<()> {
    let delay_us = std::env::args().nth(1).map_or(Ok(0), |text| text.parse::<u64>());
    let delay_us = delay_us.map_err(io::Error::other)?;
    // With the limit that there is, it serves as many as it can.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut server = Server::new(delay_us * 1000)?;
    writeln!(io::stdout(), "listening on http://{}", server.listener.local_addr()?)?;
    server.run()
}

/// One connection, and what came of a head that is not whole.
struct Connection {
    stream: TcpStream,
    partial: Vec<u8>,
    /// Which of all connections it is: its place is used again.
    serial: u64,
}

/// An answer that is due later.
struct Held {
    received_ns: u64,
    place: usize,
    serial: u64,
    heads: u64,
}

struct Server {
    listener: TcpListener,
    epoll: OwnedFd,
    timer: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    serial: u64,
    /// In the order in which they are due, as every one waits equally long.
    held: VecDeque<Held>,
    delay_ns: u64,
    seen: Seen,
    scratch: Vec<u8>,
}

/// What came since somebody last asked.
#[derive(Default)]
struct Seen {
    requests: u64,
    /// Connections taken.
    connections: u64,
    /// When the first request came, by the monotonic clock of the system.
    origin_ns: u64,
    /// Requests in each tenth of a second from there.
    buckets: Vec<u64>,
    /// From a request to its answer, when answers are held.
    held: Histogram,
}

/// The monotonic clock of the system, which is the same in all processes.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanoseconds) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    seconds * 1_000_000_000 + nanoseconds
}

impl Seen {
    fn count(&mut self, requests: u64, now_ns: u64) {
        if self.requests == 0 {
            self.origin_ns = now_ns;
        }
        self.requests += requests;
        let place = usize::try_from((now_ns - self.origin_ns) / BUCKET_NS).unwrap_or(MAX_BUCKETS);
        if place < MAX_BUCKETS {
            if place >= self.buckets.len() {
                self.buckets.resize(place + 1, 0);
            }
            self.buckets[place] += requests;
        }
    }

    fn json(&self) -> String {
        let quantile_ns = |q| self.held.quantile(q).map_or(0, |time| time.as_nanos());
        let Self { requests, connections, origin_ns, buckets, .. } = self;
        let (p50_ns, p99_ns) = (quantile_ns(Quantile::P50), quantile_ns(Quantile::P99));
        format!(
            "{{\"requests\":{requests},\"connections\":{connections},\"origin_ns\":{origin_ns},\"bucket_ns\":{BUCKET_NS},\
             \"buckets\":{buckets:?},\"held_p50_ns\":{p50_ns},\"held_p99_ns\":{p99_ns}}}"
        )
    }
}

impl Server {
    fn new(delay_ns: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        rustix::net::listen(&listener, BACKLOG)?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
        epoll::add(&epoll, io::stdin(), EventData::new_u64(INPUT), EventFlags::IN)?;
        Ok(Self {
            listener,
            epoll,
            timer,
            connections: Vec::new(),
            free: Vec::new(),
            serial: 0,
            held: VecDeque::new(),
            delay_ns,
            seen: Seen::default(),
            scratch: vec![0; READ_BYTES],
        })
    }

    /// Serves until standard input ends.
    fn run(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let now_ns = now_ns();
            for event in events.drain(..) {
                let data = event.data;
                match data.u64() {
                    LISTENER => self.take(),
                    TIMER => self.release(now_ns)?,
                    INPUT => {
                        let mut input = io::stdin().lock();
                        let read = input.fill_buf()?.len();
                        input.consume(read);
                        if read == 0 {
                            return Ok(());
                        }
                    }
                    place => {
                        let place = usize::try_from(place).expect("a place was a usize before");
                        if self.serve(place, now_ns).is_err() {
                            self.close(place);
                        }
                    }
                }
            }
        }
    }

    /// Takes the connections that wait. Without descriptors they go on waiting.
    fn take(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let is_ready = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
            let place = self.free.pop().unwrap_or(self.connections.len());
            let data = EventData::new_u64(place as u64);
            let is_watched = epoll::add(&self.epoll, &stream, data, EventFlags::IN);
            self.serial += 1;
            let connection = Connection { stream, partial: Vec::new(), serial: self.serial };
            if place == self.connections.len() {
                self.connections.push(Some(connection));
            } else {
                self.connections[place] = Some(connection);
            }
            self.seen.connections += 1;
            if is_ready.is_err() || is_watched.is_err() {
                self.close(place);
            }
        }
    }

    fn close(&mut self, place: usize) {
        if self.connections[place].take().is_some() {
            self.free.push(place);
        }
    }

    /// Reads once from a connection and answers, or holds, what is whole.
    ///
    /// # Errors
    /// The connection is over.
    fn serve(&mut self, place: usize, now_ns: u64) -> io::Result<()> {
        // It may have been closed by an earlier event of the same batch.
        let Some(connection) = &mut self.connections[place] else { return Ok(()) };
        let read = match connection.stream.read(&mut self.scratch) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let is_asking = connection.partial.is_empty() && self.scratch[..read].starts_with(ASKS);
        if is_asking {
            let body = std::mem::take(&mut self.seen).json();
            return connection.send(answer(&body).as_bytes());
        }
        let heads = connection.heads(&self.scratch[..read])?;
        if heads == 0 {
            return Ok(());
        }
        self.seen.count(heads, now_ns);
        if self.delay_ns == 0 {
            return connection.answer(heads);
        }
        let serial = connection.serial;
        self.held.push_back(Held { received_ns: now_ns, place, serial, heads });
        if self.held.len() == 1 { self.wake_at(now_ns + self.delay_ns) } else { Ok(()) }
    }

    /// Answers what was held for long enough.
    fn release(&mut self, now_ns: u64) -> io::Result<()> {
        while let Some(first) = self.held.front() {
            let due_ns = first.received_ns + self.delay_ns;
            if due_ns > now_ns {
                return self.wake_at(due_ns);
            }
            let Some(Held { received_ns, place, serial, heads }) = self.held.pop_front() else {
                return Ok(());
            };
            let connection = self.connections[place].as_mut().filter(|c| c.serial == serial);
            let Some(connection) = connection else { continue };
            if connection.answer(heads).is_err() {
                self.close(place);
            }
            self.seen.held.record(Duration::from_nanos(self::now_ns() - received_ns));
        }
        Ok(())
    }

    fn wake_at(&self, due_ns: u64) -> io::Result<()> {
        let due = Timespec::try_from(Duration::from_nanos(due_ns)).map_err(io::Error::other)?;
        let once = Itimerspec { it_interval: Timespec::default(), it_value: due };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }
}

impl Connection {
    /// How many heads end in `bytes`, which came after what is kept; keeps what follows the last one.
    fn heads(&mut self, bytes: &[u8]) -> io::Result<u64> {
        // Nearly always: one whole head at a time.
        if self.partial.is_empty() && bytes.ends_with(END) {
            return Ok(ends(bytes).count() as u64);
        }
        self.partial.extend_from_slice(bytes);
        let (count, last) = ends(&self.partial).fold((0, 0), |(count, _), end| (count + 1, end));
        self.partial.drain(..last);
        if self.partial.len() > MAX_HEAD_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(count)
    }

    fn answer(&mut self, heads: u64) -> io::Result<()> {
        if heads == 1 {
            return self.send(ANSWER);
        }
        self.send(&ANSWER.repeat(usize::try_from(heads).unwrap_or(1)))
    }

    /// Sends at once. Who does not read its answers is no part of a comparison: that ends its connection.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.stream.write(bytes)? {
            written if written == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}

/// Where heads end.
fn ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let windows = bytes.windows(END.len()).enumerate();
    windows.filter(|(_, window)| *window == END).map(|(at, _)| at + END.len())
}

fn answer(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
