//! A netlink message that always decodes. The codec underneath drops what it cannot decode, with a log line, and a dump
//! that lost a link this way would look complete; here the message arrives and says that it is unreadable.

use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};
use netlink_packet_route::RouteNetlinkMessage;

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
            Ok(message) => Self::Route(Box::new(message)),
            Err(why) => Self::Unreadable(header.message_type, why.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_does_not_decode_arrives_and_says_so() {
        let mut header = NetlinkHeader::default();
        header.message_type = 16; // RTM_NEWLINK, cut off after three bytes
        let packet = Packet::deserialize(&header, &[1, 2, 3]).unwrap();
        assert!(matches!(packet, Packet::Unreadable(16, _)), "{packet:?}");
    }
}
