//! `floor`: the bench's hand inside a node.

use anyhow::{Result, bail};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match act() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<&OsStr> = arguments.iter().map(|word| word.as_os_str()).collect();
    match words.as_slice() {
        [verb] if *verb == "work" => floor::work(io::stdin().lock(), io::stdout().lock()),
        [verb, directory] if *verb == "echo" => floor::echo(Path::new(directory)),
        _ => bail!("`floor work` takes orders; `floor echo DIRECTORY` answers calls"),
    }
}
