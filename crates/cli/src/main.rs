//! `voicehall-cli`: see the library.

use clap::Parser as _;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use voicehall_cli::{Arguments, Verb, run};

#[tokio::main]
async fn main() -> ExitCode {
    let Verb::Join(join) = Arguments::parse().verb;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals the program ends by itself or not at all.
            std::future::pending::<()>().await;
        }
    };
    match run(join, stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("voicehall-cli: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
