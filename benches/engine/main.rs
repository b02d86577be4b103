//! How long the parts on a request's path take, each by itself: `cargo bench --bench engine`.
//!
//! A part is named after its room: `cargo bench --bench engine -- recorder` measures one. docs/performance.md says what the
//! figures are good for.

mod aggregator;
mod one_task;
mod pacer;
mod recorder;
mod samples;
mod script_call;
mod store;
mod transport;

use criterion::Criterion;

#[global_allocator]
static ALLOCATOR: rhaid::free_lists::FreeLists = rhaid::free_lists::FreeLists;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    pacer::measure(&mut criterion);
    script_call::measure(&mut criterion);
    transport::measure(&mut criterion);
    recorder::measure(&mut criterion);
    aggregator::measure(&mut criterion);
    store::measure(&mut criterion);
    criterion.final_summary();
}
