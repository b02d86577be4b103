//! Resources that are known by the names that they usually have.

use crate::metric::series::{LevelFigure, MappedResource};

/// Resource, what is used of it, what there is, what waits.
const KNOWN: [(&str, &str, &str, &str); 10] = [
    // The sample service.
    (
        "database pool",
        "target_api_db_pool_in_use",
        "target_api_db_pool_size",
        "target_api_db_pool_waiting",
    ),
    ("cache misses", "rate(target_api_cache_misses_total)", "", ""),
    ("cache hits", "rate(target_api_cache_hits_total)", "", ""),
    // Client libraries: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
    ("process cpu", "rate(process_cpu_seconds_total)", "go_sched_gomaxprocs_threads", ""),
    ("process memory", "process_resident_memory_bytes", "", ""),
    ("process open files", "process_open_fds", "process_max_fds", ""),
    ("goroutines", "go_goroutines", "", ""),
    // Go's database/sql, and HikariCP for Java.
    (
        "sql pool",
        "go_sql_in_use_connections",
        "go_sql_max_open_connections",
        "rate(go_sql_wait_count_total)",
    ),
    (
        "hikari pool",
        "hikaricp_connections_active",
        "hikaricp_connections_max",
        "hikaricp_connections_pending",
    ),
    // Node.js: how late its only thread comes to what is due.
    ("event loop lag", "nodejs_eventloop_lag_seconds", "", ""),
];

/// All of them.
pub(super) fn resources() -> Vec<MappedResource> {
    let series = |text: &str| {
        let query = text.parse().expect("the table above holds series");
        LevelFigure::Series(query)
    };
    let perhaps = |text: &str| (!text.is_empty()).then(|| series(text));
    KNOWN
        .iter()
        .map(|(resource, used, capacity, waiting)| MappedResource {
            resource: (*resource).to_owned(),
            used: series(used),
            capacity: perhaps(capacity),
            waiting: perhaps(waiting),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_resource_reads_and_has_a_name_of_its_own() {
        let mut names: Vec<String> =
            resources().into_iter().map(|resource| resource.resource).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), KNOWN.len());
    }
}
