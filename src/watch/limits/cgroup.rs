//! CPU quotas of control groups: of the process's own and of all around it, for each of them holds it back.
//!
//! Version 2 has `cpu.max` and `cpu.stat`, version 1 `cpu.cfs_quota_us` and `cpu.stat` in the hierarchy of its `cpu`
//! controller (kernel documentation, `admin-guide/cgroup-v2.rst` and `scheduler/sched-bwc.rst`). A container that sees
//! only its own groups cannot see the quotas around them.

use std::path::{Component, Path, PathBuf};

use procfs::ProcessCGroup;
use procfs::process::{MountInfo, Process};

use crate::metric::GeneratorHealth;

/// The groups that may hold a process back.
#[derive(Debug, Default)]
pub(in crate::watch) struct CpuGroups {
    groups: Vec<CpuGroup>,
}

/// One group and how often it had been held back when it was last read.
#[derive(Debug)]
struct CpuGroup {
    directory: PathBuf,
    last: Throttled,
}

/// How often and for how long a group was held back since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Throttled {
    periods: u64,
    /// Summed over cores.
    time_ns: u64,
}

impl CpuGroups {
    /// Those of `process`; none when the system does not tell.
    pub(in crate::watch) fn of(process: &Process) -> Self {
        let memberships = process.cgroups().map(|all| all.0).unwrap_or_default();
        let mounts = process.mountinfo().map(|all| all.0).unwrap_or_default();
        Self::among(&memberships, &mounts)
    }

    fn among(memberships: &[ProcessCGroup], mounts: &[MountInfo]) -> Self {
        let groups = memberships
            .iter()
            .filter_map(|membership| Some((membership, mount_of(membership, mounts)?)))
            .flat_map(|(membership, mount)| directories(membership, mount))
            // The root of a hierarchy has no quota.
            .filter(|directory| quota_cores(directory).is_some() || throttled(directory).is_some())
            .map(|directory| CpuGroup {
                last: throttled(&directory).unwrap_or_default(),
                directory,
            })
            .collect();
        Self { groups }
    }

    /// Writes the tightest quota, and how much the group was held back since the last call that was held back most.
    pub(in crate::watch) fn read_into(&mut self, health: &mut GeneratorHealth) {
        health.quota_cores =
            self.groups.iter().filter_map(|group| quota_cores(&group.directory)).reduce(f64::min);
        let since: Vec<Throttled> =
            self.groups.iter_mut().filter_map(CpuGroup::since_last).collect();
        health.throttled_periods = since.iter().map(|throttled| throttled.periods).max();
        health.throttled_s =
            since.iter().map(|throttled| throttled.time_ns).max().map(|ns| ns as f64 / 1e9);
    }
}

impl CpuGroup {
    fn since_last(&mut self) -> Option<Throttled> {
        let now = throttled(&self.directory)?;
        let before = std::mem::replace(&mut self.last, now);
        Some(Throttled {
            periods: now.periods.saturating_sub(before.periods),
            time_ns: now.time_ns.saturating_sub(before.time_ns),
        })
    }
}

/// Where the hierarchy of a membership is mounted, if it can have CPU quotas.
fn mount_of<'a>(membership: &ProcessCGroup, mounts: &'a [MountInfo]) -> Option<&'a MountInfo> {
    let is_v2 = membership.controllers.is_empty();
    let has_cpu = membership.controllers.iter().any(|controller| controller == "cpu");
    mounts.iter().find(|mount| match mount.fs_type.as_str() {
        "cgroup2" => is_v2,
        "cgroup" => has_cpu && mount.super_options.contains_key("cpu"),
        _ => false,
    })
}

/// The directory of the group and of those around it, as far as they are mounted.
fn directories(membership: &ProcessCGroup, mount: &MountInfo) -> Vec<PathBuf> {
    let path = Path::new(&membership.pathname);
    // A container may see its own group mounted as if it were the root, and a path that is told from another root.
    let inside = path.strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let named = inside.components().filter(|part| matches!(part, Component::Normal(_)));
    let directory = named.fold(mount.mount_point.clone(), |path, part| path.join(part));
    directory
        .ancestors()
        .take_while(|ancestor| ancestor.starts_with(&mount.mount_point))
        .map(Path::to_path_buf)
        .collect()
}

/// The quota of a group in cores; `None` without one.
fn quota_cores(directory: &Path) -> Option<f64> {
    let (quota, period) = match std::fs::read_to_string(directory.join("cpu.max")) {
        Ok(text) => {
            let (quota, period) = text.trim().split_once(' ')?;
            (quota.parse::<f64>(), period.parse::<f64>())
        }
        Err(_) => {
            let read = |name: &str| std::fs::read_to_string(directory.join(name)).ok();
            let (quota, period) = (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?);
            (quota.trim().parse(), period.trim().parse())
        }
    };
    // Without a quota version 2 says `max` and version 1 says -1.
    let (quota, period) = (quota.ok()?, period.ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

fn throttled(directory: &Path) -> Option<Throttled> {
    let text = std::fs::read_to_string(directory.join("cpu.stat")).ok()?;
    let value = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found?.trim().parse::<u64>().ok()
    };
    let time_ns = value("throttled_usec")
        .map(|us| us.saturating_mul(1000))
        .or_else(|| value("throttled_time"));
    Some(Throttled { periods: value("nr_throttled")?, time_ns: time_ns.unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use procfs::process::MountInfos;
    use procfs::{FromBufRead, ProcessCGroups};

    use super::*;

    /// A hierarchy on disk, and the groups found for a process that is in it.
    struct Fixture {
        root: tempfile::TempDir,
    }

    impl Fixture {
        fn new(files: &[(&str, &str)]) -> Self {
            let fixture = Self { root: tempfile::tempdir().expect("a directory") };
            files.iter().for_each(|(path, text)| fixture.write(path, text));
            fixture
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.root.path().join(path);
            fs::create_dir_all(path.parent().expect("inside the root")).expect("created");
            fs::write(path, text).expect("written");
        }

        /// `mounts` are lines of `/proc/PID/mountinfo` with `ROOT` for the fixture's directory.
        fn groups(&self, memberships: &str, mounts: &str) -> CpuGroups {
            let mounts = mounts.replace("ROOT", self.root.path().to_str().expect("UTF-8"));
            let memberships = ProcessCGroups::from_buf_read(memberships.as_bytes()).expect("read");
            let mounts = MountInfos::from_buf_read(mounts.as_bytes()).expect("read");
            CpuGroups::among(&memberships.0, &mounts.0)
        }
    }

    fn read(groups: &mut CpuGroups) -> GeneratorHealth {
        let mut health = GeneratorHealth::default();
        groups.read_into(&mut health);
        health
    }

    #[test]
    fn the_tightest_quota_of_a_group_and_those_around_it_holds() {
        let fixture = Fixture::new(&[
            ("pod/cpu.max", "20000 100000\n"),
            ("pod/cpu.stat", "usage_usec 9\nnr_periods 5\nnr_throttled 2\nthrottled_usec 700\n"),
            ("pod/app/cpu.max", "150000 100000\n"),
            ("pod/app/cpu.stat", "usage_usec 9\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"),
            ("other/cpu.max", "1000 100000\n"),
        ]);
        let mount = "31 23 0:28 / ROOT rw - cgroup2 cgroup2 rw";
        let mut groups = fixture.groups("0::/pod/app\n", mount);
        let first = read(&mut groups);
        assert_eq!(first.quota_cores, Some(0.2));
        assert_eq!((first.throttled_periods, first.throttled_s), (Some(0), Some(0.0)), "not since");
        fixture.write("pod/cpu.stat", "nr_periods 9\nnr_throttled 5\nthrottled_usec 250700\n");
        let second = read(&mut groups);
        assert_eq!((second.throttled_periods, second.throttled_s), (Some(3), Some(0.25)));
        assert_eq!(read(&mut groups).throttled_periods, Some(0));
    }

    #[test]
    fn version_1_is_read_where_its_cpu_controller_is_mounted() {
        let fixture = Fixture::new(&[
            ("cpu/cpu.cfs_quota_us", "-1\n"),
            ("cpu/cpu.cfs_period_us", "100000\n"),
            ("cpu/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n"),
            ("cpu/a/cpu.cfs_quota_us", "250000\n"),
            ("cpu/a/cpu.cfs_period_us", "100000\n"),
            ("cpu/a/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n"),
            ("v2/cpu.max", "1000 100000\n"),
        ]);
        let mounts = "40 31 0:35 / ROOT/memory rw - cgroup cgroup rw,memory\n\
                      32 31 0:29 / ROOT/cpu rw - cgroup cgroup rw,cpu,cpuacct\n";
        let mut groups = fixture.groups("4:memory:/m\n1:cpu,cpuacct:/a\n", mounts);
        assert_eq!(read(&mut groups).quota_cores, Some(2.5));
        let stat = "nr_periods 9\nnr_throttled 1\nthrottled_time 50000000\n";
        fixture.write("cpu/a/cpu.stat", stat);
        let health = read(&mut groups);
        assert_eq!((health.throttled_periods, health.throttled_s), (Some(1), Some(0.05)));
    }

    #[test]
    fn a_container_that_sees_its_group_as_the_root_is_understood() {
        let fixture = Fixture::new(&[("cpu.max", "50000 100000\n"), ("sub/cpu.max", "max 100000")]);
        let docker = "31 23 0:28 /docker/abc ROOT ro - cgroup2 cgroup rw";
        for membership in ["0::/docker/abc\n", "0::/docker/abc/sub\n", "0::/../elsewhere\n"] {
            let mut groups = fixture.groups(membership, docker);
            assert_eq!(read(&mut groups).quota_cores, Some(0.5), "{membership}");
        }
    }

    #[test]
    fn without_a_quota_nothing_is_known() {
        let fixture = Fixture::new(&[("a/cpu.max", "max 100000\n"), ("b/cpu.max", "nonsense")]);
        let mount = "31 23 0:28 / ROOT rw - cgroup2 cgroup2 rw";
        for membership in ["0::/a\n", "0::/b\n", "0::/\n", "", "3:cpuset:/a\n"] {
            let health = read(&mut fixture.groups(membership, mount));
            assert_eq!(health, GeneratorHealth::default(), "{membership}");
        }
        assert_eq!(read(&mut fixture.groups("0::/a\n", "")), GeneratorHealth::default());
    }
}
