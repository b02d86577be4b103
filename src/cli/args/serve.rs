//! The options of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::values;
use crate::units::Rate;

const EXAMPLES: &str = "Examples:
  rhaid serve --demo --script-root scripts       with the sample service as the target
  rhaid serve --target http://127.0.0.1:8080 --allow-target shop.test
  rhaid serve --listen 10.0.0.5:3117 --token-file token --allowed-host load.lan:3117

Whoever has the token can make load from this machine. It may load this machine alone,
and the hosts of --allow-target. docs/dashboard.md has the page, docs/api.md the API.";

/// Serves the control API and the live feed of runs.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
#[command(next_help_heading = "Server")]
pub struct ServeArgs {
    /// Where to listen [default: 127.0.0.1:3117]; beyond this machine only with --token-file
    #[arg(long, value_name = "ADDRESS", env = "RHAID_LISTEN", hide_env = true)]
    pub listen: Option<SocketAddr>,
    /// The token of clients, in a file that only its owner can read [default: a new one, printed]
    #[arg(
        long,
        value_name = "FILE",
        env = "RHAID_TOKEN_FILE",
        hide_env = true,
        conflicts_with = "no_auth"
    )]
    pub token_file: Option<PathBuf>,
    /// Ask for no token; only on this machine
    #[arg(long, env = "RHAID_NO_AUTH", hide_env = true, value_parser = FalseyValueParser::new())]
    pub no_auth: bool,
    /// Another name with port by which this server is reached; repeatable
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "RHAID_ALLOWED_HOST",
        hide_env = true,
        value_delimiter = ','
    )]
    pub allowed_host: Vec<String>,
    /// The folder with the scripts that clients may run, read and write
    #[arg(long, value_name = "FOLDER", env = "RHAID_SCRIPT_ROOT", hide_env = true)]
    pub script_root: Option<PathBuf>,
    /// The target of runs that name none
    #[arg(long, value_name = "URL", env = "RHAID_TARGET", hide_env = true)]
    pub target: Option<String>,
    /// Start the sample service and make it the target of runs that name none
    #[arg(long, env = "RHAID_DEMO", hide_env = true, value_parser = FalseyValueParser::new(),
        conflicts_with = "target")]
    pub demo: bool,
    /// Another host that may be loaded; repeatable
    #[arg(
        long,
        value_name = "HOST",
        env = "RHAID_ALLOW_TARGET",
        hide_env = true,
        value_delimiter = ','
    )]
    pub allow_target: Vec<String>,
    /// A variable of this environment that scripts may read; repeatable [default: none]
    #[arg(
        long,
        value_name = "NAME",
        env = "RHAID_ALLOW_ENV",
        hide_env = true,
        value_delimiter = ','
    )]
    pub allow_env: Vec<String>,
    /// The most users of a run [default: 1000]
    #[arg(long, value_name = "N", env = "RHAID_MAX_USERS", hide_env = true, value_parser = values::count)]
    pub max_users: Option<u64>,
    /// The most arrivals of a run [default: 10k/s]
    #[arg(long, value_name = "RATE", env = "RHAID_MAX_RATE", hide_env = true, value_parser = values::rate_or_number)]
    pub max_rate: Option<Rate>,
    /// The longest run [default: 1h]
    #[arg(long, value_name = "TIME", env = "RHAID_MAX_DURATION", hide_env = true,
        value_parser = values::positive_duration)]
    pub max_duration: Option<Duration>,
}
