//! The watcher against real processes: copies of this test binary that do as they are told.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;
use crate::metric::ResourceLevel;

/// Tells a copy of the test binary what to do: `busy`, `fork`, `connect:PORT:COUNT` (twice) or `hiccup:PORT`.
const ORDER: &str = "RHAID_WATCH_TEST_ORDER";

/// For how long a copy that watches for hiccups is stopped: longer than a busy machine holds anybody up.
const STOPPED_FOR: Duration = Duration::from_millis(1500);

/// A child process that is killed and waited for at the end of its test.
struct Copy(Child);

impl Copy {
    fn told(order: &str) -> Self {
        let this = std::env::current_exe().expect("the test binary has a path");
        let child = Command::new(this)
            .args(["--exact", "watch::tests::a_copy_does_as_it_is_told", "--nocapture"])
            .env(ORDER, order)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test binary runs");
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test of its own: the body of the copies. Without an order it does nothing.
#[test]
fn a_copy_does_as_it_is_told() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let words: Vec<&str> = order.split(':').collect();
    match words[..] {
        // Busy until its parent is gone, however that goes: a killed copy leaves nobody behind.
        ["busy"] => {
            std::thread::spawn(|| {
                loop {
                    std::hint::black_box(0);
                }
            });
            wait_for_a_line();
        }
        ["fork"] => {
            let _busy = Copy::told("busy");
            wait_for_a_line();
        }
        ["connect", port, count] => {
            let port: u16 = port.parse().expect("a port");
            let count: usize = count.parse().expect("a count");
            let connect = || TcpStream::connect(("127.0.0.1", port)).expect("connects");
            let _half: Vec<TcpStream> = (0..count).map(|_| connect()).collect();
            wait_for_a_line();
            let _rest: Vec<TcpStream> = (0..count).map(|_| connect()).collect();
            wait_for_a_line();
        }
        ["hiccup", port] => {
            let watch = HiccupWatch::start();
            let port: u16 = port.parse().expect("a port");
            let _ready = TcpStream::connect(("127.0.0.1", port)).expect("connects");
            wait_for_a_line();
            let oversleeps = watch.stop();
            let mut long = 0;
            oversleeps.for_each(|ns, times| {
                long += times * u64::from(Duration::from_nanos(ns) > STOPPED_FOR / 2);
            });
            assert_eq!(long, 1, "one oversleep of {:?}", oversleeps.max());
            assert!(oversleeps.max().is_some_and(|max| max > STOPPED_FOR * 9 / 10));
        }
        _ => panic!("unknown order {order}"),
    }
}

/// Until the parent writes one or closes the pipe.
fn wait_for_a_line() {
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Samples until `test` holds, for at most ten seconds.
async fn sample_until(
    watcher: &mut ProcessWatcher,
    test: impl Fn(&ResourceUse) -> bool,
) -> Option<ResourceUse> {
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let usage = watcher.sample()?;
        if test(&usage) {
            return Some(usage);
        }
    }
    None
}

#[test]
fn this_process_uses_memory_threads_and_files() {
    let usage = ProcessWatcher::of_self().sample().expect("this process lives");
    assert!(usage.memory_bytes > 100_000, "{usage:?}");
    assert!(usage.threads >= 1 && usage.open_files >= 3, "{usage:?}");
}

#[tokio::test]
async fn a_busy_child_shows_its_cpu() {
    let child = Copy::told("busy");
    let mut watcher = ProcessWatcher::of_pid(child.pid());
    let usage = sample_until(&mut watcher, |u| u.cpu_percent > 0.0).await.expect("CPU is seen");
    assert!(usage.host_cpu_percent > 0.0 && usage.host_cpu_percent <= 100.0, "{usage:?}");
}

#[tokio::test]
async fn the_cpu_of_a_forked_worker_counts_as_its_parents() {
    let parent = Copy::told("fork");
    let mut watcher = ProcessWatcher::of_pid(parent.pid());
    // The parent itself only starts up and waits: a tenth of a core must be the worker's.
    let usage = sample_until(&mut watcher, |u| u.cpu_percent > 10.0 && u.threads >= 3).await;
    assert!(usage.is_some(), "{:?}", watcher.sample());
}

#[test]
fn connections_are_counted_as_they_open_and_exactly_at_the_start() {
    const COUNT: usize = 50;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let accept = || (0..COUNT).map(|_| listener.accept().expect("the child connects").0).collect();
    let connections =
        |watcher: &mut ProcessWatcher| watcher.sample().expect("it waits").connections;
    let mut child = Copy::told(&format!("connect:{port}:{COUNT}"));
    let first: Vec<TcpStream> = accept();
    let mut watcher = ProcessWatcher::of_pid(child.pid());
    assert_eq!(connections(&mut watcher), COUNT as u64, "exact from the start");
    child.0.stdin.as_mut().expect("piped").write_all(b"\n").expect("it reads");
    let second: Vec<TcpStream> = accept();
    assert_eq!(connections(&mut watcher), 2 * COUNT as u64, "grown with the open files");
    assert_eq!(
        connections(&mut ProcessWatcher::of_pid(child.pid())),
        2 * COUNT as u64,
        "exact again"
    );
    drop((first, second));
}

#[test]
fn the_process_behind_a_port_is_found() {
    for bind in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
        // Without IPv6 there is nothing to find there.
        let Ok(listener) = TcpListener::bind(bind) else { continue };
        let mut address = listener.local_addr().expect("bound");
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        assert_eq!(pid_listening_on(address), Some(std::process::id()), "{bind}");
        drop(listener);
    }
}

#[test]
fn nobody_listens_on_a_port_that_was_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    // Another process may have taken the port since; this one has not.
    assert_ne!(pid_listening_on(address), Some(std::process::id()));
}

#[test]
fn a_dead_process_has_no_samples() {
    let mut child = Copy::told("connect:0:0");
    let mut watcher = ProcessWatcher::of_pid(child.pid());
    assert!(watcher.sample().is_some());
    child.0.kill().expect("it is ours");
    child.0.wait().expect("it is ours");
    assert_eq!(watcher.sample(), None);
    assert_eq!(watcher.sample(), None, "and stays dead");
    assert_eq!(ProcessWatcher::of_pid(0).sample(), None);
}

#[test]
fn a_target_that_dies_leaves_the_generator() {
    let mut child = Copy::told("connect:0:0");
    let mut watch = ResourceWatch::new(Some(TargetProcess::Pid(child.pid())));
    let owners = |watch: &mut ResourceWatch| -> Vec<Owner> {
        watch.sample().into_iter().map(|(o, _)| o).collect()
    };
    assert_eq!(owners(&mut watch), [Owner::Generator, Owner::Target]);
    child.0.kill().expect("it is ours");
    child.0.wait().expect("it is ours");
    for _ in 0..2 * SAMPLES_BETWEEN_SEARCHES {
        assert_eq!(owners(&mut watch), [Owner::Generator]);
    }
    assert!(!watch.has_target());
}

#[test]
fn the_host_is_described() {
    let host = host_info();
    assert!(!host.host.is_empty() && host.cores >= 1 && !host.os.is_empty(), "{host:?}");
}

#[tokio::test]
async fn a_process_that_is_stopped_has_one_hiccup_of_that_length() {
    let patience = Duration::from_secs(20);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let mut child = Copy::told(&format!("hiccup:{port}"));
    let ready = tokio::time::timeout(patience, listener.accept()).await;
    let _ready = ready.expect("the child begins").expect("the child connects");
    let pid = rustix::process::Pid::from_child(&child.0);
    let signal = |signal| rustix::process::kill_process(pid, signal).expect("it is ours");
    signal(rustix::process::Signal::STOP);
    tokio::time::sleep(STOPPED_FOR).await;
    signal(rustix::process::Signal::CONT);
    child.0.stdin.as_mut().expect("piped").write_all(b"\n").expect("it reads");
    // Asked again and again, so that a child that does not end is killed with its `Copy`.
    let end = async {
        loop {
            if let Some(status) = child.0.try_wait().expect("it is ours") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let status = tokio::time::timeout(patience, end).await.expect("the child ends");
    assert!(status.success(), "what it noted is asserted there");
}

/// Samples both until `test` holds, for at most ten seconds, and gives the last levels.
async fn levels_until(
    resources: &mut ResourceWatch,
    levels: &mut LevelWatch,
    test: impl Fn(&[ResourceLevel]) -> bool,
) -> Vec<ResourceLevel> {
    let mut seen = Vec::new();
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        resources.sample();
        seen = levels.sample(resources);
        if test(&seen) {
            break;
        }
    }
    seen
}

fn find<'a>(levels: &'a [ResourceLevel], resource: &str) -> Option<&'a ResourceLevel> {
    levels.iter().find(|level| &*level.resource == resource)
}

#[tokio::test]
async fn a_busy_target_uses_cores_of_those_it_may_use_and_its_machine_is_seen() {
    let copy = Copy::told("busy");
    let mut resources = ResourceWatch::new(Some(TargetProcess::Pid(copy.pid())));
    let mut levels = LevelWatch::new(&[], &resources);
    // Its whole time goes to computing or to waiting for a core.
    let is_busy = |cpu: &ResourceLevel| cpu.used + cpu.saturation.unwrap_or(0.0) > 0.5;
    let seen = levels_until(&mut resources, &mut levels, |levels| {
        find(levels, "target cpu").is_some_and(is_busy)
    })
    .await;
    let cpu = find(&seen, "target cpu").filter(|cpu| is_busy(cpu));
    assert!(cpu.is_some_and(|cpu| cpu.used_ratio() > Some(0.0)), "{seen:?}");
    let host = find(&seen, "host cpu");
    assert!(host.is_some_and(|host| host.used > 0.0), "{seen:?}");
    assert!(seen.iter().all(ResourceLevel::is_sound), "{seen:?}");
    assert_eq!(levels.sample(&resources), [], "a moment later there is nothing to say");
}

#[tokio::test]
async fn of_a_target_elsewhere_no_machine_is_seen() {
    let elsewhere: SocketAddr = "192.0.2.1:80".parse().expect("an address");
    let resources = ResourceWatch::new(None);
    let mut levels = LevelWatch::new(&[elsewhere], &resources);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(levels.sample(&resources), []);
}
