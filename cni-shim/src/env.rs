//! The environment of a call: which verb, which container, which pod. Pure: the environment is looked up through a
//! function. What a DEL does not need is never a reason to refuse it.

use std::ffi::OsString;

use crate::error::ShimError;

/// The kernel's bound on a link's name, characters.
const IFNAME_CHARACTERS_MAX: usize = 15;
/// A container id, network name, pod name or UID longer than this is no such thing; DNS names end at 253.
pub const NAME_BYTES_MAX: usize = 253;
/// Linux's PATH_MAX.
const PATH_BYTES_MAX: usize = 4096;
/// CNI_ARGS holds five short pairs.
const ARGS_BYTES_MAX: usize = 64 * 1024;

/// The pod behind a call. Empty where the runtime did not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodArgs {
    /// `K8S_POD_NAMESPACE`.
    pub namespace: String,
    /// `K8S_POD_NAME`.
    pub name: String,
    /// `K8S_POD_UID`.
    pub uid: String,
}

/// What an ADD is about, and its CHECK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCall {
    /// The sandbox.
    pub container_id: String,
    /// The interface to make in it.
    pub ifname: String,
    /// Path of its network namespace.
    pub netns: String,
    /// The pod, with namespace and name.
    pub pod: PodArgs,
}

/// What a DEL is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelCall {
    /// The sandbox.
    pub container_id: String,
    /// The interface in it.
    pub ifname: String,
    /// Path of its network namespace, if it still has one.
    pub netns: Option<String>,
    /// The pod, as far as the runtime says.
    pub pod: PodArgs,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Wire a pod.
    Add(AddCall),
    /// Release it.
    Del(DelCall),
    /// Look whether it is still wired as its ADD left it.
    Check(AddCall),
    /// Release what is not valid any more.
    Gc,
    /// Would an ADD be served?
    Status,
    /// Which versions are served?
    Version,
}

/// Reads the call from the environment.
///
/// # Errors
/// [`ShimError::Environment`] naming every variable that is missing, or the one that is wrong.
pub fn read(lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<Call, ShimError> {
    match required(lookup, &["CNI_COMMAND"])?.as_slice() {
        [command] => match command.as_str() {
            "ADD" => add(lookup).map(Call::Add),
            "DEL" => del(lookup).map(Call::Del),
            "VERSION" => Ok(Call::Version),
            "CHECK" => add(lookup).map(Call::Check),
            "GC" => Ok(Call::Gc),
            "STATUS" => Ok(Call::Status),
            other => Err(wrong("CNI_COMMAND", &format!("unknown command `{}`", shown(other)))),
        },
        _ => Err(wrong("CNI_COMMAND", "missing")),
    }
}

fn add(lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<AddCall, ShimError> {
    let values = required(lookup, &["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"])?;
    let [container_id, netns, ifname] = <[String; 3]>::try_from(values)
        .map_err(|_| ShimError::Environment("CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME: missing".to_owned()))?;
    check_id("CNI_CONTAINERID", &container_id)?;
    check_ifname(&ifname)?;
    if netns.len() > PATH_BYTES_MAX || !netns.starts_with('/') {
        return Err(wrong("CNI_NETNS", "must be an absolute path"));
    }
    let pod = pod_args(&text(lookup, "CNI_ARGS")?.unwrap_or_default())?;
    // Host links are named after the pod: two nameless sandboxes would take each other's link.
    for (key, value) in [("K8S_POD_NAMESPACE", &pod.namespace), ("K8S_POD_NAME", &pod.name)] {
        if value.is_empty() {
            return Err(wrong("CNI_ARGS", &format!("{key} is missing")));
        }
    }
    Ok(AddCall { container_id, ifname, netns, pod })
}

fn del(lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<DelCall, ShimError> {
    let values = required(lookup, &["CNI_CONTAINERID", "CNI_IFNAME"])?;
    let [container_id, ifname] = <[String; 2]>::try_from(values)
        .map_err(|_| ShimError::Environment("CNI_CONTAINERID, CNI_IFNAME: missing".to_owned()))?;
    check_id("CNI_CONTAINERID", &container_id)?;
    check_ifname(&ifname)?;
    let netns = text(lookup, "CNI_NETNS").ok().flatten();
    // An attachment is released by its key; arguments only help humans, so bad ones leave the pod unnamed.
    let pod =
        text(lookup, "CNI_ARGS").and_then(|args| pod_args(&args.unwrap_or_default())).unwrap_or_default();
    Ok(DelCall {
        container_id,
        ifname,
        netns: netns.filter(|path| path.starts_with('/') && path.len() <= PATH_BYTES_MAX),
        pod,
    })
}

/// `K=V;K=V`. Keys that are not ours are refused unless `IgnoreUnknown` is true.
fn pod_args(args: &str) -> Result<PodArgs, ShimError> {
    if args.len() > ARGS_BYTES_MAX {
        return Err(wrong("CNI_ARGS", "too long"));
    }
    let mut pod = PodArgs::default();
    let mut ignore_unknown = false;
    let mut unknown = None;
    for pair in args.split(';').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(wrong("CNI_ARGS", &format!("`{}` is no pair", shown(pair))));
        };
        match key {
            "IgnoreUnknown" => ignore_unknown = truth(value)?,
            "K8S_POD_NAMESPACE" => pod.namespace = pod_text(key, value)?,
            "K8S_POD_NAME" => pod.name = pod_text(key, value)?,
            "K8S_POD_UID" => pod.uid = pod_text(key, value)?,
            "K8S_POD_INFRA_CONTAINER_ID" => {}
            other => unknown = unknown.or(Some(other)),
        }
    }
    match unknown {
        Some(key) if !ignore_unknown => Err(wrong("CNI_ARGS", &format!("unknown argument `{}`", shown(key)))),
        _ => Ok(pod),
    }
}

fn truth(value: &str) -> Result<bool, ShimError> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(wrong("CNI_ARGS", &format!("IgnoreUnknown: `{}` is neither true nor false", shown(value)))),
    }
}

fn pod_text(key: &str, value: &str) -> Result<String, ShimError> {
    if value.len() > NAME_BYTES_MAX || !value.bytes().all(|b| b.is_ascii_graphic() && b != b'/') {
        return Err(wrong("CNI_ARGS", &format!("{key}: `{}` cannot be a name", shown(value))));
    }
    Ok(value.to_owned())
}

/// Is this a container id or a network name by the specification?
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn check_id(variable: &'static str, text: &str) -> Result<(), ShimError> {
    if is_id(text) {
        return Ok(());
    }
    Err(wrong(
        variable,
        &format!(
            "`{}` must begin with a letter or digit and have only letters, digits, `_`, `.`, `-`",
            shown(text)
        ),
    ))
}

/// By the specification, and without `%`, which the kernel would take for a pattern.
fn check_ifname(name: &str) -> Result<(), ShimError> {
    let odd = |c: char| c == '/' || c == ':' || c == '%' || c.is_whitespace() || c.is_control();
    if name.len() > IFNAME_CHARACTERS_MAX || matches!(name, "." | "..") || name.contains(odd) {
        return Err(wrong("CNI_IFNAME", &format!("`{}` cannot be an interface name", shown(name))));
    }
    Ok(())
}

/// The values of all variables, or one error that names all that are missing.
fn required(
    lookup: &dyn Fn(&str) -> Option<OsString>,
    names: &[&'static str],
) -> Result<Vec<String>, ShimError> {
    let mut values = Vec::new();
    let mut missing = Vec::new();
    for name in names {
        match text(lookup, name)? {
            Some(value) => values.push(value),
            None => missing.push(*name),
        }
    }
    if missing.is_empty() {
        return Ok(values);
    }
    Err(ShimError::Environment(format!("{}: missing", missing.join(", "))))
}

/// A variable's value; set but empty counts as absent.
fn text(lookup: &dyn Fn(&str) -> Option<OsString>, name: &'static str) -> Result<Option<String>, ShimError> {
    match lookup(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value).filter(|value| !value.is_empty())),
        Some(Err(_)) => Err(wrong(name, "is not UTF-8")),
    }
}

fn wrong(variable: &str, problem: &str) -> ShimError {
    ShimError::Environment(format!("{variable}: {problem}"))
}

/// A foreign text, short and printable.
fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
