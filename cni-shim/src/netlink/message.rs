//! The shape of netlink messages: header, family header, attributes. Pure; whatever bytes come in, reading them ends.

/// `struct nlmsghdr`: length, type, flags, sequence, port.
const HEADER_BYTES: usize = 16;
/// `struct rtattr`: length, type.
const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// Bits of an attribute's type that are flags (nested, byte order).
const ATTRIBUTE_KIND_MASK: u16 = 0x3fff;
const ALIGNMENT: usize = 4;

/// A request being written.
#[derive(Debug, Clone)]
pub(super) struct Request {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

/// One message of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) sequence: u32,
    pub(super) body: &'a [u8],
}

// === impl Request ===

impl Request {
    pub(super) fn new(kind: u16, flags: u16, family_header: &[u8]) -> Self {
        let mut body = family_header.to_vec();
        pad(&mut body);
        Self { kind, flags, body }
    }

    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        attribute(&mut self.body, kind, value);
        self
    }

    pub(super) fn into_bytes(self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(HEADER_BYTES + self.body.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.body.len());
        bytes.extend(length.to_ne_bytes());
        bytes.extend(self.kind.to_ne_bytes());
        bytes.extend(self.flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(self.body);
        bytes
    }
}

/// Appends an attribute.
pub(super) fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(ATTRIBUTE_HEADER_BYTES + value.len()).unwrap_or(u16::MAX);
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    pad(body);
}

/// A name as the kernel reads it.
pub(super) fn text(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// The messages of a datagram, up to the first that is cut off.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let whole = bytes.get(..length)?;
        let message = Message {
            kind: u16_at(whole, 4)?,
            sequence: u32_at(whole, 8)?,
            body: whole.get(HEADER_BYTES..)?,
        };
        bytes = bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes behind a family header of so many bytes, up to the first that is cut off.
pub(super) fn attributes(body: &[u8], family_header_bytes: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = body.get(family_header_bytes..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let whole = rest.get(..length)?;
        let kind = u16_at(whole, 2)? & ATTRIBUTE_KIND_MASK;
        let value = whole.get(ATTRIBUTE_HEADER_BYTES..)?;
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some((kind, value))
    })
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let (value, _) = bytes.get(offset..)?.split_first_chunk::<4>()?;
    Some(u32::from_ne_bytes(*value))
}

pub(super) fn i32_at(bytes: &[u8], offset: usize) -> Option<i32> {
    u32_at(bytes, offset).map(u32::cast_signed)
}

pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    let (value, _) = bytes.get(offset..)?.split_first_chunk::<2>()?;
    Some(u16::from_ne_bytes(*value))
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_can_be_read() {
        let request = Request::new(16, 5, &[7; 6]).with(3, &text("eth0")).with(0x8004, &[1, 2, 3, 4]);
        let bytes = request.into_bytes(9);
        let read: Vec<_> = messages(&bytes).collect();
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].kind, read[0].sequence), (16, 9));
        let attributes: Vec<_> = attributes(read[0].body, 8).collect();
        assert_eq!(attributes, [(3, b"eth0\0".as_slice()), (4, [1, 2, 3, 4].as_slice())]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn reading_any_bytes_ends(bytes in proptest::collection::vec(any::<u8>(), 0..512), header in 0_usize..40) {
            let read = messages(&bytes).map(|message| attributes(message.body, header).count()).sum::<usize>();
            prop_assert!(read <= bytes.len());
            prop_assert!(attributes(&bytes, header).count() <= bytes.len());
        }
    }
}
