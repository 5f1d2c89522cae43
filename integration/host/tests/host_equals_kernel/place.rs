//! A namespace of the kernel, entered, read and changed by hand where the port has no words.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};
use std::time::Duration;

use contract::model::Mac;
use host::{NamespaceId, Neighbour, Setting, Whose};
use linux::LinuxHost;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use crate::watcher::Watcher;

/// A namespace, in the model and in the kernel.
pub(crate) struct Both {
    pub(crate) id: NamespaceId,
    pub(crate) namespace: File,
    pub(crate) host: LinuxHost,
    pub(crate) watcher: Watcher,
}

/// The settings, the folder each is in, and its name there.
pub(crate) const SETTINGS: [(Setting, &str, &str); 6] = [
    (Setting::RpFilter, "ipv4", "rp_filter"),
    (Setting::Forwarding, "ipv4", "forwarding"),
    (Setting::SourceValidMark, "ipv4", "src_valid_mark"),
    (Setting::AcceptRa, "ipv6", "accept_ra"),
    (Setting::AcceptRedirects, "ipv6", "accept_redirects"),
    (Setting::ForwardingV6, "ipv6", "forwarding"),
];

#[expect(deprecated, reason = "a network namespace alone shares nothing that a thread could lose")]
pub(crate) fn enter_new_namespace() -> (File, LinuxHost) {
    rustix::thread::unshare(UnshareFlags::NEWNET).unwrap();
    let namespace = File::open("/proc/thread-self/ns/net").unwrap();
    (namespace, LinuxHost::connect(Duration::from_secs(10)).unwrap())
}

/// Runs `ip` in the namespace the thread is in; whether it succeeded.
pub(crate) fn ip(words: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(words.split(' ')).stderr(Stdio::null());
    command.status().unwrap().success()
}

fn file(names: &BTreeMap<u32, String>, whose: Whose, setting: Setting) -> Option<String> {
    let whose = match whose {
        Whose::All => "all",
        Whose::Default => "default",
        Whose::Link(ifindex) => names.get(&ifindex)?,
    };
    let (_, family, name) = SETTINGS.iter().find(|(known, ..)| *known == setting).unwrap();
    Some(format!("/proc/sys/net/{family}/conf/{whose}/{name}"))
}

impl Both {
    pub(crate) fn enter(&self) {
        move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }

    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.namespace.as_raw_fd())
    }

    /// Runs `ip` here; whether it succeeded.
    pub(crate) fn ip(&self, words: &str) -> bool {
        self.enter();
        ip(words)
    }

    /// Writes a setting; whether there is such a file.
    pub(crate) fn set(
        &self,
        names: &BTreeMap<u32, String>,
        whose: Whose,
        setting: Setting,
        value: u32,
    ) -> bool {
        self.enter();
        file(names, whose, setting).is_some_and(|file| std::fs::write(file, value.to_string()).is_ok())
    }

    pub(crate) fn setting(&self, names: &BTreeMap<u32, String>, whose: Whose, setting: Setting) -> u32 {
        self.enter();
        let text = std::fs::read_to_string(file(names, whose, setting).unwrap()).unwrap();
        text.trim().parse().unwrap()
    }

    /// The permanent neighbour entries.
    pub(crate) fn neighbours(&self, names: &BTreeMap<u32, String>) -> Vec<Neighbour> {
        self.enter();
        let text = std::fs::read_to_string("/proc/thread-self/net/arp").unwrap();
        let mut found: Vec<Neighbour> =
            text.lines().skip(1).filter_map(|line| neighbour(line, names)).collect();
        found.sort();
        found
    }
}

/// A line of /proc/net/arp: address, type, flags, MAC, mask, link.
fn neighbour(line: &str, names: &BTreeMap<u32, String>) -> Option<Neighbour> {
    const PERMANENT: &str = "0x6";
    let [address, _, flags, mac, _, link] = line.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{line}");
    };
    let (ifindex, _) = names.iter().find(|(_, name)| *name == link)?;
    let mac: Mac = mac.parse().unwrap();
    (flags == PERMANENT).then(|| Neighbour { ifindex: *ifindex, address: address.parse().unwrap(), mac })
}
