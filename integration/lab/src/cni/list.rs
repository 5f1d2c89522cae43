//! A network's list of plugins as the runtime reads it, and what each plugin gets on its stdin. Pure.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use super::version::{NEWEST, Version};

/// A list, read.
#[derive(Debug, Clone)]
pub(super) struct List {
    /// The network's name.
    pub(super) name: String,
    /// What every plugin is told to speak: injected as it is written, compared as a number.
    pub(super) version: String,
    /// CHECK is a success without looking.
    pub(super) disable_check: bool,
    /// GC is a success without doing anything.
    pub(super) disable_gc: bool,
    /// In order; never empty.
    pub(super) plugins: Vec<Plugin>,
    /// As it was read: the result cache keeps it.
    pub(super) text: String,
}

/// One plugin's part of the list.
#[derive(Debug, Clone)]
pub(super) struct Plugin {
    /// The name of its program.
    pub(super) kind: String,
    configuration: Map<String, Value>,
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// When it is no list: the error names what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let raw: Map<String, Value> = serde_json::from_str(text).context("the list is no JSON object")?;
        let name = raw.get("name").and_then(Value::as_str).context("the list has no name")?.to_owned();
        let plugins = raw.get("plugins").and_then(Value::as_array).context("the list has no plugins")?;
        ensure!(!plugins.is_empty(), "the list has no plugins");
        Ok(Self {
            name,
            version: version(&raw)?,
            disable_check: flag(&raw, "disableCheck")?,
            disable_gc: flag(&raw, "disableGC")?,
            plugins: plugins.iter().map(Plugin::parse).collect::<Result<_>>()?,
            text: text.to_owned(),
        })
    }

    /// Its version as a number.
    ///
    /// # Errors
    /// When it is none: no plugin could be executed with it either.
    pub(super) fn version(&self) -> Result<Version> {
        self.version.parse()
    }

    /// What a plugin gets for every verb but GC: its own part with name and version in it, the result before it, and of the
    /// runtime's arguments those whose capability it declares.
    pub(super) fn stdin(
        &self,
        plugin: &Plugin,
        previous: Option<&Value>,
        arguments: &BTreeMap<String, Value>,
    ) -> Value {
        let mut given = self.named(plugin);
        if let Some(previous) = previous {
            given.insert("prevResult".to_owned(), previous.clone());
        }
        let declared = |name: &str| {
            plugin.configuration.get("capabilities").and_then(|all| all.get(name)) == Some(&Value::Bool(true))
        };
        let runtime: Map<String, Value> = arguments
            .iter()
            .filter(|(name, _)| declared(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if !runtime.is_empty() {
            given.insert("runtimeConfig".to_owned(), runtime.into());
        }
        given.into()
    }

    /// What a plugin gets for GC: containers and interfaces that are to stay.
    pub(super) fn stdin_of_gc(&self, plugin: &Plugin, valid: &[Valid]) -> Value {
        let mut given = self.named(plugin);
        let all: Vec<Value> = valid
            .iter()
            .map(|(container, interface)| json!({"containerID": container, "ifname": interface}))
            .collect();
        given.insert("cni.dev/valid-attachments".to_owned(), all.clone().into());
        // The specification named it so by mistake once, and libcni sends both.
        given.insert("cni.dev/attachments".to_owned(), all.into());
        given.into()
    }

    fn named(&self, plugin: &Plugin) -> Map<String, Value> {
        let mut given = plugin.configuration.clone();
        given.insert("name".to_owned(), self.name.clone().into());
        given.insert("cniVersion".to_owned(), self.version.clone().into());
        given
    }
}

/// An attachment that GC must leave alone: container id and interface name.
pub(super) type Valid = (String, String);

impl Plugin {
    fn parse(value: &Value) -> Result<Self> {
        let configuration = value.as_object().context("a plugin must be an object")?.clone();
        let kind = configuration.get("type").and_then(Value::as_str).context("a plugin has no type")?;
        ensure!(!kind.is_empty() && !kind.contains('/'), "`{kind}` is no name of a plugin");
        Ok(Self { kind: kind.to_owned(), configuration })
    }

    /// As libcni names it in its errors.
    pub(super) fn description(&self) -> String {
        let name = self.configuration.get("name").and_then(Value::as_str).unwrap_or_default();
        let beside = if name.is_empty() { String::new() } else { format!(" name=\"{name}\"") };
        format!("type=\"{}\"{beside}", self.kind)
    }
}

/// With `cniVersions`, the highest that list and runtime both have; without, `cniVersion` as it is, known or not.
fn version(raw: &Map<String, Value>) -> Result<String> {
    let single = match raw.get("cniVersion") {
        None => "",
        Some(value) => value.as_str().context("cniVersion must be a string")?,
    };
    let Some(several) = raw.get("cniVersions") else { return Ok(single.to_owned()) };
    let several = several.as_array().context("cniVersions must be an array")?;
    let mut common: Vec<(Version, &str)> = Vec::new();
    for text in several.iter().map(Value::as_str).chain((!single.is_empty()).then_some(Some(single))) {
        let text = text.context("cniVersions must be strings")?;
        common.push((text.parse()?, text));
    }
    common.retain(|(version, _)| *version <= NEWEST);
    Ok(common.into_iter().max().map_or(single, |(_, text)| text).to_owned())
}

/// libcni takes the words as well.
fn flag(raw: &Map<String, Value>, key: &str) -> Result<bool> {
    match raw.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(word)) if word.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(word)) if word.eq_ignore_ascii_case("false") => Ok(false),
        Some(other) => bail!("{key} must be true or false, and is {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> List {
        List::parse(text).unwrap()
    }

    #[test]
    fn the_highest_common_version_is_chosen() {
        let chosen =
            |versions: &str| list(&format!(r#"{{"name":"n",{versions}"plugins":[{{"type":"a"}}]}}"#)).version;
        assert_eq!(chosen(r#""cniVersion":"0.4.0","#), "0.4.0");
        assert_eq!(chosen(r#""cniVersion":"0.4.0","cniVersions":["1.0.0","1.1.0","9.0.0"],"#), "1.1.0");
        assert_eq!(chosen(r#""cniVersion":"1.1.0","cniVersions":["0.3.1"],"#), "1.1.0");
        assert_eq!(chosen(r#""cniVersions":["0.3.1","0.10.0","0.4.0"],"#), "0.10.0", "compared as numbers");
        assert_eq!(chosen(""), "");
        // Nothing in common: what the list says is injected, and the plugins refuse it.
        assert_eq!(chosen(r#""cniVersion":"8.0.0","cniVersions":["9.0.0"],"#), "8.0.0");
    }

    #[test]
    fn every_plugin_gets_name_version_and_only_what_it_declared() {
        let list = list(
            r#"{"name":"net","cniVersion":"1.0.0","plugins":[
                {"type":"a","cniVersion":"0.3.1","name":"own","capabilities":{"portMappings":true,"bandwidth":false}},
                {"type":"b"}]}"#,
        );
        let arguments =
            [("portMappings".to_owned(), json!([{"hostPort": 80}])), ("bandwidth".to_owned(), json!({}))]
                .into();
        let previous = json!({"ips": []});
        let first = list.stdin(&list.plugins[0], None, &arguments);
        assert_eq!(first["name"], "net");
        assert_eq!(first["cniVersion"], "1.0.0");
        assert_eq!(first["runtimeConfig"], json!({"portMappings": [{"hostPort": 80}]}));
        assert!(first.get("prevResult").is_none());
        let second = list.stdin(&list.plugins[1], Some(&previous), &arguments);
        assert_eq!(second["prevResult"], previous);
        assert!(second.get("runtimeConfig").is_none(), "{second}");
        assert_eq!(list.plugins[0].description(), r#"type="a" name="own""#);
    }

    #[test]
    fn gc_names_what_stays_under_both_keys_and_status_names_nothing() {
        let list = list(r#"{"name":"net","cniVersion":"1.1.0","plugins":[{"type":"a"}]}"#);
        let valid = [("c1".to_owned(), "eth0".to_owned())];
        let gc = list.stdin_of_gc(&list.plugins[0], &valid);
        for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
            assert_eq!(gc[key], json!([{"containerID": "c1", "ifname": "eth0"}]));
        }
        let status = list.stdin(&list.plugins[0], None, &BTreeMap::new());
        assert_eq!(status, json!({"type": "a", "name": "net", "cniVersion": "1.1.0"}));
    }

    #[test]
    fn what_is_no_list_is_refused_by_name() {
        for (text, reason) in [
            ("[]", "no JSON object"),
            (r#"{"plugins":[{"type":"a"}]}"#, "no name"),
            (r#"{"name":"n"}"#, "no plugins"),
            (r#"{"name":"n","plugins":[]}"#, "no plugins"),
            (r#"{"name":"n","plugins":[{}]}"#, "no type"),
            (r#"{"name":"n","plugins":[{"type":"../a"}]}"#, "no name of a plugin"),
            (r#"{"name":"n","disableGC":1,"plugins":[{"type":"a"}]}"#, "disableGC"),
            (r#"{"name":"n","cniVersions":["x"],"plugins":[{"type":"a"}]}"#, "no CNI version"),
        ] {
            let error = List::parse(text).unwrap_err();
            assert!(format!("{error:#}").contains(reason), "{text}: {error:#}");
        }
    }
}
