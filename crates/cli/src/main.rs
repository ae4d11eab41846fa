//! `voicehall-cli`: see the library.

use clap::Parser as _;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use voicehall_cli::{Arguments, Failure, Verb, control, run};

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let join = match Arguments::parse().verb {
        Verb::Join(join) => join,
        Verb::Ctl(ctl) => return end(control(&ctl).await),
    };
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals the program ends by itself or not at all.
            std::future::pending::<()>().await;
        }
    };
    end(run(join, stop).await)
}

fn end(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("voicehall-cli: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
