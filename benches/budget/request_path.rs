//! Runs the path of one request so many times: `request-path 1000`. Its instructions are counted by `benches/budget/run.py`.
//!
//! From a script's call to the sample in its series, without a transport: what is rhaid's own whoever sends the request.

#[path = "../engine/one_task.rs"]
mod one_task;

use std::io;

use one_task::{CHECKED_GET, OneTask};

#[global_allocator]
static ALLOCATOR: rhaid::free_lists::FreeLists = rhaid::free_lists::FreeLists;

fn main() -> io::Result<()> {
    let times = std::env::args().nth(1).map_or(Ok(1), |text| text.parse::<u64>());
    let times = times.map_err(io::Error::other)?;
    let task = OneTask::new(CHECKED_GET);
    let requests: u64 = (0..times).map(|_| task.run()).sum();
    if requests == times { Ok(()) } else { Err(io::Error::other("a request for each iteration")) }
}
