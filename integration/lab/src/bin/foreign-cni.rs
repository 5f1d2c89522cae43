//! A CNI plugin of somebody else, for lists of more than one: speaks the versions it is told, keeps what it got, adds to the
//! result before it, and fails on request. Its part of the list says all that, with keys of its own:
//! `speaks` (versions; else a file beside it says so, else those of libcni), `adds` (merged into the result: arrays are appended), and
//! `fails` (`{ "ADD": { code, msg, details } }`).

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::process::ExitCode;

/// What it speaks unless it is told otherwise.
const SPEAKS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/// Codes of the specification.
const INCOMPATIBLE_VERSION: u64 = 1;
const BAD_CONFIGURATION: u64 = 7;

/// What it answers: a result (nothing for most verbs), or an error object.
type Answer = Result<Option<Value>, Value>;

fn main() -> ExitCode {
    match run() {
        Ok(Ok(printed)) => {
            if let Some(result) = printed {
                print(&result);
            }
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            print(&error);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print(value: &Value) {
    // A runtime that left does not want the answer.
    let _ = writeln!(std::io::stdout(), "{value}");
}

fn run() -> Result<Answer> {
    let environment: BTreeMap<String, String> =
        std::env::vars().filter(|(key, _)| key.starts_with("CNI_")).collect();
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read stdin")?;
    let stdin: Value = serde_json::from_str(&text).context("stdin is no JSON")?;
    let command = environment.get("CNI_COMMAND").cloned().unwrap_or_default();
    // Asked for its versions it does nothing else: whoever asks may have given it no place to write.
    if command != "VERSION" {
        keep(&json!({
            "type": stdin.get("type"),
            "command": command,
            "environment": environment,
            "stdin": stdin,
        }))?;
    }
    Ok(answer(&command, &stdin))
}

fn keep(entry: &Value) -> Result<()> {
    let path = lab::cni::foreign::RECORD;
    let mut file = OpenOptions::new().create(true).append(true).open(path).context(path)?;
    file.write_all(format!("{entry}\n").as_bytes()).context(path)
}

/// What it answers to a verb.
fn answer(command: &str, stdin: &Value) -> Answer {
    let version = stdin.get("cniVersion").and_then(Value::as_str).unwrap_or_default();
    let beside = spoken_beside();
    let told = stdin.get("speaks").or(beside.as_ref()).and_then(Value::as_array);
    let speaks: Vec<&str> =
        told.map_or_else(|| SPEAKS.into(), |told| told.iter().filter_map(Value::as_str).collect());
    if command == "VERSION" {
        return Ok(Some(json!({"cniVersion": version, "supportedVersions": speaks})));
    }
    if !speaks.contains(&version) {
        let details = format!("config is {version:?}, plugin supports {speaks:?}");
        return Err(error(version, INCOMPATIBLE_VERSION, "incompatible CNI versions", &details));
    }
    if let Some(told) = stdin.get("fails").and_then(|fails| fails.get(command)) {
        let mut told = told.as_object().cloned().unwrap_or_default();
        told.insert("cniVersion".to_owned(), version.into());
        return Err(told.into());
    }
    let previous = stdin.get("prevResult");
    match command {
        "ADD" => {
            let Some(Value::Object(mut result)) = previous.cloned() else {
                return Err(error(version, BAD_CONFIGURATION, "it must not be the first in its list", ""));
            };
            if let Some(Value::Object(more)) = stdin.get("adds") {
                merge(&mut result, more);
            }
            Ok(Some(result.into()))
        }
        "CHECK" if previous.is_none() => {
            Err(error(version, BAD_CONFIGURATION, "CHECK needs the previous result", ""))
        }
        _ => Ok(None),
    }
}

/// What it speaks by the file beside it, where there is one.
fn spoken_beside() -> Option<Value> {
    let program = std::env::current_exe().ok()?;
    let text = std::fs::read_to_string(program.with_extension(lab::cni::foreign::SPEAKS)).ok()?;
    serde_json::from_str(&text).ok()
}

fn merge(result: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        match (result.get_mut(key), value) {
            (Some(Value::Array(there)), Value::Array(added)) => there.extend(added.iter().cloned()),
            _ => drop(result.insert(key.clone(), value.clone())),
        }
    }
}

fn error(version: &str, code: u64, message: &str, details: &str) -> Value {
    json!({"cniVersion": version, "code": code, "msg": message, "details": details})
}
