//! A netlink message that always decodes. The codec underneath drops what it cannot decode, with a log line, and a dump
//! that lost a link this way would look complete; here the message arrives and says that it is unreadable.

use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{AfSpecUnspec, LinkAttribute};

/// What the kernel sent, or what we send.
#[derive(Debug, Clone)]
pub(crate) enum Packet {
    /// Understood.
    Route(Box<RouteNetlinkMessage>),
    /// Not understood: the message's type, and why.
    Unreadable(u16, String),
}

impl NetlinkSerializable for Packet {
    fn message_type(&self) -> u16 {
        match self {
            Self::Route(message) => message.message_type(),
            Self::Unreadable(kind, _) => *kind,
        }
    }

    fn buffer_len(&self) -> usize {
        match self {
            Self::Route(message) => NetlinkSerializable::buffer_len(message.as_ref()),
            Self::Unreadable(..) => 0,
        }
    }

    fn serialize(&self, buffer: &mut [u8]) {
        if let Self::Route(message) = self {
            message.serialize(buffer);
        }
    }
}

impl NetlinkDeserializable for Packet {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(match RouteNetlinkMessage::deserialize(header, payload) {
            Ok(message) => Self::Route(Box::new(lean(message))),
            Err(why) => Self::Unreadable(header.message_type, why.to_string()),
        })
    }
}

/// Without what nobody here reads. A link tells some fifty things, 30 KB when decoded, and those of all links are in memory at once: 8 MB beside 250 pods.
fn lean(mut message: RouteNetlinkMessage) -> RouteNetlinkMessage {
    if let RouteNetlinkMessage::NewLink(link) = &mut message {
        link.attributes.retain_mut(|attribute| match attribute {
            LinkAttribute::AfSpecUnspec(families) => {
                families.retain(|family| matches!(family, AfSpecUnspec::Inet(_)));
                families.shrink_to_fit();
                true
            }
            LinkAttribute::IfName(_)
            | LinkAttribute::Mtu(_)
            | LinkAttribute::Address(_)
            | LinkAttribute::Link(_)
            | LinkAttribute::LinkNetNsId(_)
            | LinkAttribute::LinkInfo(_) => true,
            _ => false,
        });
        link.attributes.shrink_to_fit();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_route::link::LinkMessage;

    #[test]
    fn a_message_that_does_not_decode_arrives_and_says_so() {
        let mut header = NetlinkHeader::default();
        header.message_type = 16; // RTM_NEWLINK, cut off after three bytes
        let packet = Packet::deserialize(&header, &[1, 2, 3]).unwrap();
        assert!(matches!(packet, Packet::Unreadable(16, _)), "{packet:?}");
    }

    #[test]
    fn of_a_link_only_what_is_read_is_kept() {
        let mut link = LinkMessage::default();
        let mtu = LinkAttribute::Mtu(9001);
        link.attributes = vec![LinkAttribute::TxQueueLen(1000), mtu.clone(), LinkAttribute::Promiscuity(0)];
        let RouteNetlinkMessage::NewLink(kept) = lean(RouteNetlinkMessage::NewLink(link)) else { panic!() };
        assert_eq!(kept.attributes, [mtu]);
    }
}
