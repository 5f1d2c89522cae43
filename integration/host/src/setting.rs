//! Settings under /proc/sys/net/ipv*/conf: of a link, of links made later (`default`), and of all. As on a machine whose
//! `default` was written once, as systemd does at boot: before, writing it changes links too that were never set.

use crate::machine::{Errno, Linux, NamespaceId};
use crate::namespace::Namespace;

/// A setting, by its name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// ipv4 `rp_filter`: 0 off, 1 strict, 2 loose; the larger of the link's and that of all is in force.
    RpFilter,
    /// ipv4 `forwarding`, 0 or 1; written for all, it is written for every link.
    Forwarding,
    /// ipv4 `src_valid_mark`, 0 or 1: the mark takes part when a source is checked; one of the link's and that of all suffices.
    SourceValidMark,
    /// ipv6 `accept_ra`, 0 to 2, of a link only.
    AcceptRa,
    /// ipv6 `accept_redirects`, 0 or 1, of a link only.
    AcceptRedirects,
    /// ipv6 `forwarding`, 0 or 1, of a link only.
    ForwardingV6,
}

/// Whose setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// `all`.
    All,
    /// `default`.
    Default,
    /// A link's.
    Link(u32),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) rp_filter: u32,
    pub(crate) forwarding: u32,
    pub(crate) source_valid_mark: u32,
    pub(crate) accept_ra: u32,
    pub(crate) accept_redirects: u32,
    pub(crate) forwarding_v6: u32,
}

impl Settings {
    /// The kernel's own.
    pub(crate) const FRESH: Self = Self {
        rp_filter: 0,
        forwarding: 0,
        source_valid_mark: 0,
        accept_ra: 1,
        accept_redirects: 1,
        forwarding_v6: 0,
    };

    fn place(&mut self, setting: Setting) -> &mut u32 {
        match setting {
            Setting::RpFilter => &mut self.rp_filter,
            Setting::Forwarding => &mut self.forwarding,
            Setting::SourceValidMark => &mut self.source_valid_mark,
            Setting::AcceptRa => &mut self.accept_ra,
            Setting::AcceptRedirects => &mut self.accept_redirects,
            Setting::ForwardingV6 => &mut self.forwarding_v6,
        }
    }
}

impl Setting {
    fn of_ipv6(self) -> bool {
        matches!(self, Self::AcceptRa | Self::AcceptRedirects | Self::ForwardingV6)
    }

    fn most(self) -> u32 {
        match self {
            Self::RpFilter | Self::AcceptRa => 2,
            _ => 1,
        }
    }
}

impl Namespace {
    pub(crate) fn set(&mut self, whose: Whose, setting: Setting, value: u32) -> Result<(), Errno> {
        if value > setting.most() {
            return Err(Errno::OPNOTSUPP);
        }
        let place = self.settings(whose, setting)?.place(setting);
        let changed = std::mem::replace(place, value) != value;
        if (whose, setting, changed) == (Whose::All, Setting::Forwarding, true) {
            self.settings_of_new.forwarding = value;
            self.links.values_mut().for_each(|link| link.settings.forwarding = value);
        }
        Ok(())
    }

    fn settings(&mut self, whose: Whose, setting: Setting) -> Result<&mut Settings, Errno> {
        match whose {
            Whose::Link(ifindex) => Ok(&mut self.link(ifindex)?.settings),
            _ if setting.of_ipv6() => Err(Errno::OPNOTSUPP),
            Whose::All => Ok(&mut self.settings_of_all),
            Whose::Default => Ok(&mut self.settings_of_new),
        }
    }
}

impl Linux {
    /// Writes a setting as a write to its file would, or the port's change of rp_filter.
    ///
    /// # Errors
    /// `NODEV` when there is no such link; `OPNOTSUPP`, since not modelled, for a value beyond those above, and for a
    /// setting of ipv6 that is not a link's.
    pub fn set(&mut self, id: NamespaceId, whose: Whose, setting: Setting, value: u32) -> Result<(), Errno> {
        self.namespace(id)?.set(whose, setting, value)
    }

    /// Reads a setting.
    ///
    /// # Errors
    /// As for writing it.
    pub fn setting(&self, id: NamespaceId, whose: Whose, setting: Setting) -> Result<u32, Errno> {
        let namespace = self.namespaces.get(&id).ok_or(Errno::NODEV)?;
        let mut settings = match whose {
            Whose::Link(ifindex) => namespace.links.get(&ifindex).ok_or(Errno::NODEV)?.settings,
            _ if setting.of_ipv6() => return Err(Errno::OPNOTSUPP),
            Whose::All => namespace.settings_of_all,
            Whose::Default => namespace.settings_of_new,
        };
        Ok(*settings.place(setting))
    }
}
