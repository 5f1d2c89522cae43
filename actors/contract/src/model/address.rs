//! Link-layer addresses: six bytes that print and parse as the kernel and EC2 write them.

use std::fmt;
use std::str::FromStr;

/// A MAC address, in network byte order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

/// A text that is no MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not six hex bytes separated by colons")]
pub struct MacError(pub String);

impl Mac {
    /// A stable, locally administered unicast MAC made of the first bytes of `digest`.
    ///
    /// A pod's host veth gets one derived from its attachment, so that doing the work again gives the same link.
    #[must_use]
    pub fn locally_administered(digest: [u8; 6]) -> Self {
        let [first, rest @ ..] = digest;
        let [b, c, d, e, f] = rest;
        Self([(first & 0xfc) | 0x02, b, c, d, e, f])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let wrong = || MacError(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().ok_or_else(wrong)?;
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_prints_as_it_was_read() {
        assert_eq!("02:0a:ff:00:01:fe".parse::<Mac>().unwrap().to_string(), "02:0a:ff:00:01:fe");
    }

    #[test]
    fn what_is_not_a_mac_is_named() {
        for text in ["", "02:0a", "02:0a:ff:00:01:fe:00", "02:0a:ff:00:01:+e", "2:a:f:0:1:e"] {
            assert_eq!(text.parse::<Mac>(), Err(MacError(text.to_owned())));
        }
    }

    #[test]
    fn a_derived_mac_is_unicast_and_locally_administered() {
        let Mac([first, ..]) = Mac::locally_administered([0xff; 6]);
        assert_eq!(first & 0b11, 0b10);
    }
}
