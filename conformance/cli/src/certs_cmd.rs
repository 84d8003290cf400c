//! `figure2 certs`: makes an authority and a certificate for each server.

use anyhow::Context;
use figure2_tcp::certs::{Request, make};
use std::path::PathBuf;
use std::process::ExitCode;

/// Make a small authority and a certificate for each server, for a first try of TLS between servers.
///
/// Overwrites nothing. The keys can be read by their owner only. Whoever has authority-key.pem can make servers of the
/// cluster: keep it on none of them. docs/security.md says what certificates of one's own must have.
///
/// Exit code 0: all files were written; 2: nothing was, or not all of it.
#[derive(Clone, Debug, clap::Args)]
pub struct CertsArgs {
    /// The directory, made if it is not there
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// How many servers: their ids are 1, 2, 3 and so on
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub servers: u64,
    /// The group of the cluster, as in the options of its servers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub group: u64,
    /// For how many days the certificates are valid
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
}

/// Runs the command.
///
/// # Errors
/// When a file is there already, or cannot be written.
pub fn run(args: &CertsArgs) -> anyhow::Result<ExitCode> {
    let CertsArgs { directory, servers, group, days } = args;
    let request = Request { group: *group, servers: (1..=*servers).collect(), days: *days };
    let made =
        make(directory, &request).with_context(|| format!("no certificates in {}", directory.display()))?;
    for file in made {
        println!("{}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}
