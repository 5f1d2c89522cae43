//! A link's IPv4 rp_filter, read from and written into its link message: `/proc/sys` is read-only for us.

use netlink_packet_core::{DefaultNla, NLA_F_NESTED};
use netlink_packet_route::link::{AfSpecInet, AfSpecUnspec, LinkAttribute, LinkMessage};

/// `IFLA_INET_CONF` of linux/if_link.h.
const INET_CONF: u16 = 1;

/// `IPV4_DEVCONF_RP_FILTER` of linux/ip.h.
const RP_FILTER: u16 = 8;

/// Bytes of an attribute with a 32-bit value.
const ATTRIBUTE_BYTES: u16 = 8;

/// The setting, if the link has IPv4 settings.
pub(crate) fn read(attributes: &[LinkAttribute]) -> Option<u32> {
    attributes
        .iter()
        .filter_map(|attribute| match attribute {
            LinkAttribute::AfSpecUnspec(families) => Some(families),
            _ => None,
        })
        .flatten()
        .filter_map(|family| match family {
            AfSpecUnspec::Inet(settings) => Some(settings),
            _ => None,
        })
        .flatten()
        .find_map(|setting| match setting {
            AfSpecInet::DevConf(conf) => u32::try_from(conf.rp_filter).ok(),
            _ => None,
        })
}

/// The message that sets it. Built by hand, because the library's builder leaves out every setting whose value is 0.
pub(crate) fn message(ifindex: u32, value: u32) -> LinkMessage {
    let mut nested = Vec::with_capacity(usize::from(ATTRIBUTE_BYTES));
    nested.extend(ATTRIBUTE_BYTES.to_ne_bytes());
    nested.extend(RP_FILTER.to_ne_bytes());
    nested.extend(value.to_ne_bytes());
    let conf = AfSpecInet::Other(DefaultNla::new(INET_CONF | NLA_F_NESTED, nested));
    let mut message = LinkMessage::default();
    message.header.index = ifindex;
    message.attributes = vec![LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet(vec![conf])])];
    message
}
