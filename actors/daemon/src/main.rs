//! The `enid` command. `run` is the daemon; the rest tells about it.

mod command_line;
mod fault_socket;
mod gaps;
mod install;
mod log;
mod node_time;
mod one_writer;
mod policy_agent;
mod run;

use clap::Parser;
use std::process::ExitCode;

use command_line::{Command, CommandLine, ConfigVerb};

fn main() -> ExitCode {
    match CommandLine::parse().command {
        Command::Run { config } => run::run(config),
        Command::Install { from, config } => run::install(&from, config),
        Command::Config { verb: ConfigVerb::Explain { config } } => run::explain(config),
        Command::Version => {
            println!("{}", command_line::version());
            ExitCode::SUCCESS
        }
    }
}
