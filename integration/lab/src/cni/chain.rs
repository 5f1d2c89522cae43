//! The chain executor: what libcni does with a list, verb by verb. Which plugin comes when, what it gets, what a failure of one
//! means for the others.

use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cache::Cache;
use super::list::{List, Plugin, Valid};
use super::version::{CHECK_SINCE, NEWEST, STATUS_SINCE, Version};
use super::{Attachment, Execution, Verb};
use crate::node::View;

/// What came of one verb on a whole list.
#[derive(Debug, Clone, Default)]
pub struct Chained {
    /// Each plugin that was executed, in order: its type, and what came of it.
    pub plugins: Vec<(String, Execution)>,
    /// Of an ADD that succeeded: the last plugin's result.
    pub result: Option<Value>,
    /// In the words that libcni has for it; several for GC, which goes on.
    pub errors: Vec<String>,
}

impl Chained {
    /// Nothing failed.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.errors.is_empty()
    }

    /// The whole as one execution: the last plugin's, which is the one that failed if one did, with the time of all.
    #[must_use]
    pub fn execution(&self) -> Execution {
        let took: Duration = self.plugins.iter().map(|(_, execution)| execution.took).sum();
        let last = self.plugins.last().map(|(_, execution)| execution.clone());
        let mut whole = last.unwrap_or_default();
        whole.took = took;
        if !self.succeeded() && whole.exit_code == Some(0) {
            // A runtime's own failure: no plugin said anything wrong, and the whole failed all the same.
            whole.exit_code = Some(1);
            whole.stderr.push_str(&self.errors.join("\n"));
        }
        whole
    }
}

/// The runtime on a node, with one list.
pub(super) struct Runtime {
    pub(super) view: View,
    pub(super) list: List,
    pub(super) cache: Cache,
    /// Directories of plugins, as `CNI_PATH` has them.
    pub(super) path: String,
}

impl Runtime {
    /// ADD: in order, each with the result of the one before it; the first failure ends it.
    pub(super) async fn add(&self, of: &Attachment) -> Result<Chained> {
        let mut chained = Chained::default();
        let mut previous = None;
        for plugin in &self.list.plugins {
            let input = self.list.stdin(plugin, previous.as_ref(), &of.capabilities);
            let execution = self.execute(plugin, Verb::Add, of, &input).await?;
            let came = outcome(&execution).and_then(|()| result(&execution, &self.list.version));
            chained.plugins.push((plugin.kind.clone(), execution));
            match came {
                Ok(result) => previous = Some(result),
                Err(error) => {
                    chained.errors.push(failed(plugin, "add", &error));
                    return Ok(chained);
                }
            }
        }
        if let Some(result) = &previous {
            self.cache.keep(&self.list, of, result)?;
        }
        chained.result = previous;
        Ok(chained)
    }

    /// DEL: in reverse order, each with the cached result of the whole ADD; the first failure ends it, and the cache stays for
    /// the next attempt.
    pub(super) async fn delete(&self, of: &Attachment) -> Result<Chained> {
        let mut chained = Chained::default();
        let mut cached = None;
        if self.list.version()? >= CHECK_SINCE {
            // A result that cannot be used is thrown away, and DEL goes on without.
            cached = self.cache.result(&self.list, of).unwrap_or_else(|_| {
                self.cache.forget(&self.list, of);
                None
            });
        }
        let plugins = self.list.plugins.iter().rev();
        if let Some((plugin, error)) =
            self.until_failure(plugins, Verb::Del, of, cached.as_ref(), &mut chained).await?
        {
            chained.errors.push(failed(plugin, "delete", &error));
            return Ok(chained);
        }
        self.cache.forget(&self.list, of);
        Ok(chained)
    }

    /// CHECK: in order, each with the cached result; the first failure ends it.
    pub(super) async fn check(&self, of: &Attachment) -> Result<Chained> {
        let mut chained = Chained::default();
        if self.list.version()? < CHECK_SINCE {
            let version = &self.list.version;
            chained
                .errors
                .push(format!("configuration version \"{version}\" does not support the CHECK command"));
            return Ok(chained);
        }
        if self.list.disable_check {
            return Ok(chained);
        }
        let cached = match self.cache.result(&self.list, of) {
            Ok(cached) => cached,
            Err(error) => {
                let network = &self.list.name;
                chained.errors.push(format!("failed to get network \"{network}\" cached result: {error:#}"));
                return Ok(chained);
            }
        };
        let plugins = self.list.plugins.iter();
        let failure = self.until_failure(plugins, Verb::Check, of, cached.as_ref(), &mut chained).await?;
        chained.errors.extend(failure.map(|(_, error)| error));
        Ok(chained)
    }

    /// GC: a DEL for every cached attachment that is not to stay, then GC for every plugin; failures are gathered.
    pub(super) async fn collect(&self, valid: &[Valid]) -> Result<Chained> {
        let mut chained = Chained::default();
        if self.list.disable_gc {
            return Ok(chained);
        }
        for stale in self.cache.attachments(&self.list.name) {
            if valid.contains(&(stale.container_id.clone(), stale.interface.clone())) {
                continue;
            }
            let deleted = self.delete(&stale).await?;
            chained.plugins.extend(deleted.plugins);
            let which = format!("{} {}", stale.container_id, stale.interface);
            chained.errors.extend(
                deleted
                    .errors
                    .iter()
                    .map(|error| format!("failed to delete stale attachment {which}: {error}")),
            );
        }
        if self.list.version()? < STATUS_SINCE {
            return Ok(chained);
        }
        for plugin in &self.list.plugins {
            let input = self.list.stdin_of_gc(plugin, valid);
            let execution = self.execute(plugin, Verb::Gc, &Attachment::default(), &input).await?;
            if let Err(error) = outcome(&execution) {
                chained.errors.push(format!("failed to GC plugin {}: {error}", plugin.kind));
            }
            chained.plugins.push((plugin.kind.clone(), execution));
        }
        Ok(chained)
    }

    /// STATUS: in order; the first failure is the answer.
    pub(super) async fn status(&self) -> Result<Chained> {
        let mut chained = Chained::default();
        if self.list.version()? < STATUS_SINCE {
            return Ok(chained);
        }
        let (plugins, nobody) = (self.list.plugins.iter(), Attachment::default());
        let failure = self.until_failure(plugins, Verb::Status, &nobody, None, &mut chained).await?;
        chained.errors.extend(failure.map(|(_, error)| error));
        Ok(chained)
    }

    /// Executes these plugins, each with the same result before it, until one fails: which, and how.
    async fn until_failure<'p>(
        &self,
        plugins: impl Iterator<Item = &'p Plugin>,
        verb: Verb,
        of: &Attachment,
        previous: Option<&Value>,
        chained: &mut Chained,
    ) -> Result<Option<(&'p Plugin, String)>> {
        for plugin in plugins {
            let input = self.list.stdin(plugin, previous, &of.capabilities);
            let execution = self.execute(plugin, verb, of, &input).await?;
            let came = outcome(&execution);
            chained.plugins.push((plugin.kind.clone(), execution));
            if let Err(error) = came {
                return Ok(Some((plugin, error)));
            }
        }
        Ok(None)
    }

    async fn execute(
        &self,
        plugin: &Plugin,
        verb: Verb,
        of: &Attachment,
        input: &Value,
    ) -> Result<Execution> {
        let environment = super::environment(verb, of, &self.path);
        super::program_with(self.view, &self.program(plugin)?, &environment, &[], &input.to_string()).await
    }

    /// Where a plugin's program is.
    pub(super) fn program(&self, plugin: &Plugin) -> Result<PathBuf> {
        self.path
            .split(':')
            .map(|directory| Path::new(directory).join(&plugin.kind))
            .find(|program| program.is_file())
            .with_context(|| format!("failed to find plugin \"{}\" in path [{}]", plugin.kind, self.path))
    }
}

/// Did the plugin succeed? If not, what libcni makes of what it printed.
fn outcome(execution: &Execution) -> Result<(), String> {
    if execution.exit_code == Some(0) {
        return Ok(());
    }
    if execution.stdout.is_empty() {
        let (said, status) = (execution.stderr.trim(), execution.status());
        return Err(if said.is_empty() {
            format!("netplugin failed with no error message: {status}")
        } else {
            format!("netplugin failed: \"{said}\"")
        });
    }
    let Some(error) = execution.object().filter(Value::is_object) else {
        let printed = execution.stdout.trim();
        return Err(format!("netplugin failed but error parsing its diagnostic message \"{printed}\""));
    };
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let details = if text("details").is_empty() { String::new() } else { format!("; {}", text("details")) };
    Err(format!("{}{details}", text("msg")))
}

/// The result of a successful ADD; one that says no version has the list's.
fn result(execution: &Execution, version: &str) -> Result<Value, String> {
    let mut result =
        execution.object().ok_or_else(|| format!("ADD printed no result: {}", execution.summary()))?;
    let object = result.as_object_mut().ok_or("ADD printed a result that is no object")?;
    let said = object.entry("cniVersion").or_insert_with(|| version.into());
    let known = said.as_str().and_then(|text| text.parse::<Version>().ok());
    if known.is_none_or(|version| version > NEWEST) {
        return Err(format!("unsupported CNI result version {said}"));
    }
    Ok(result)
}

fn failed(plugin: &Plugin, verb: &str, error: &str) -> String {
    format!("plugin {} failed ({verb}): {error}", plugin.description())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(exit_code: i32, stdout: &str, stderr: &str) -> Execution {
        Execution {
            exit_code: Some(exit_code),
            stdout: stdout.into(),
            stderr: stderr.into(),
            ..Execution::default()
        }
    }

    #[test]
    fn what_a_plugin_prints_is_understood_as_libcni_understands_it() {
        assert_eq!(outcome(&printed(0, "", "")), Ok(()));
        for (execution, said) in [
            (printed(1, r#"{"code":11,"msg":"later","details":"PoolEmpty"}"#, ""), "later; PoolEmpty"),
            (printed(1, r#"{"code":7,"msg":"bad"}"#, ""), "bad"),
            (printed(1, "", "boom\n"), "netplugin failed: \"boom\""),
            (printed(3, "", ""), "netplugin failed with no error message: exit 3"),
            (printed(1, "oops", ""), "error parsing its diagnostic message \"oops\""),
        ] {
            let error = outcome(&execution).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_result_without_version_has_the_lists_and_one_from_the_future_is_refused() {
        let good = result(&printed(0, r#"{"ips":[]}"#, ""), "1.0.0").unwrap();
        assert_eq!(good["cniVersion"], "1.0.0");
        assert!(result(&printed(0, r#"{"cniVersion":"9.0.0"}"#, ""), "1.0.0").is_err());
        assert!(result(&printed(0, "", ""), "1.0.0").is_err());
    }
}
