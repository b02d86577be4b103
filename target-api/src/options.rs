//! What was asked for on the command line.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};

use crate::duration::parse_duration;
use crate::lab::LabSetting;
use crate::latency::LatencyRule;

/// Every knob of the service.
///
/// `Options::default()` is what an empty command line gives.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Options {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 8117)]
    pub port: u16,

    /// SQLite file to keep the data in; without it the data is gone when the service stops
    #[arg(long, value_name = "PATH")]
    pub database: Option<PathBuf>,

    /// Users to seed: user1@example.com and on, all with the password `secret`
    #[arg(long, value_name = "N", default_value_t = 500)]
    #[arg(value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub users: u32,

    /// Seed of the generated data: the same seed gives the same data
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Intentional latency, e.g. 20ms..80ms or '/api/teams=lognormal:5ms..50ms'; repeatable
    ///
    /// Without a route it holds for every route that has none of its own, but /lab/* and /metrics.
    /// `uniform` (the default) draws evenly between the two; `lognormal` takes them as its 5th and
    /// 95th percentile. A route is written as in /api/openapi.json: '/api/teams/{id}=5ms..50ms'.
    /// Unless told otherwise only /user/{id} has latency, 10ms..100ms.
    #[arg(long, value_name = "RULE")]
    pub latency: Vec<LatencyRule>,

    /// Database connections in the pool
    #[arg(long, value_name = "N", default_value_t = 8)]
    #[arg(value_parser = value_parser!(u16).range(1..=256))]
    pub pool_size: u16,

    /// How long a request waits for a connection before it is answered 503
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub pool_timeout: Duration,

    /// How much longer than its query takes each connection is held
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = parse_duration)]
    pub query_delay: Duration,

    /// Knob of the lab, e.g. slots=50 or stall=at=10s,for=1s; repeatable
    ///
    /// What /lab/work, or with scope=all every counted route, does with a request; PUT /lab/config
    /// sets the same knobs while it runs. Times count from the start of the service.
    ///
    /// scope=work|all, slots=N, service=det:S|exp:MEAN|lognormal:MEDIAN,SIGMA,
    /// queue=none|bounded:K|unbounded, stall=at=T,for=S, error=probability=P[,on=S,off=S],
    /// step=at=T,gain=G, drift=percent_per_h=P, warm_up=tau=S,gain=G, cycle=period=S,amplitude=A,
    /// leak=bytes_per_request=B,bytes_per_second=B, metastable=threshold=N,penalty=P[,sticky=true],
    /// inversion=low=N,high=N, cpu=S, seed=N. Unless told otherwise there are slots for all, and
    /// their work takes no time.
    #[arg(long, value_name = "KNOB=VALUE")]
    pub lab: Vec<LabSetting>,

    /// How long a sign-in lasts
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub token_ttl: Duration,

    /// Worker threads; one for each core by default
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1_024))]
    pub threads: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8117,
            database: None,
            users: 500,
            seed: 1,
            latency: Vec::new(),
            pool_size: 8,
            pool_timeout: Duration::from_secs(1),
            query_delay: Duration::ZERO,
            lab: Vec::new(),
            token_ttl: Duration::from_secs(3_600),
            threads: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct CommandLine {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        CommandLine::try_parse_from(std::iter::once(&"target-api").chain(arguments))
            .map(|line| line.options)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_command_line_gives_the_defaults() {
        assert_eq!(parse(&[]), Ok(Options::default()));
    }

    #[test]
    fn latency_is_repeatable() {
        let options = parse(&["--latency", "5ms", "--latency", "/api/teams=1ms..2ms"]).unwrap();
        assert_eq!(options.latency.len(), 2);
    }

    #[test]
    fn a_fault_names_the_option_and_the_value() {
        for (arguments, parts) in [
            (["--latency", "80ms..20ms"], ["--latency", "runs backwards"]),
            (["--latency", "20"], ["--latency", "`20` has no unit"]),
            (["--lab", "slots=0"], ["--lab", "`slots` takes none or a whole number"]),
            (["--token-ttl", "1x"], ["--token-ttl", "`x` in `1x`"]),
            (["--pool-size", "0"], ["--pool-size", "1..=256"]),
            (["--users", "0"], ["--users", "1..=1000000"]),
        ] {
            let error = parse(&arguments).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
