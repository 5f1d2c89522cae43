//! How a failure of netlink or nft is said in the port's words. It never decides whether a failure matters.

use contract::ports::host::HostError;
use netlink_packet_core::{ErrorMessage, NlasIterator};
use rustix::io::Errno;

/// Bytes of the netlink header that an error message repeats before the kernel's own words.
const NETLINK_HEADER_BYTES: usize = 16;

/// The attribute that carries the kernel's own words, `NLMSGERR_ATTR_MSG`.
const EXTACK_TEXT: u16 = 1;

/// The kernel said no with this errno (positive), perhaps with a reason in words.
pub(crate) fn refused(what: &str, errno: i32, reason: Option<&str>) -> HostError {
    let error = std::io::Error::from_raw_os_error(errno);
    HostError::Refused {
        what: what.to_owned(),
        error: match reason {
            Some(reason) => format!("{error}: {reason}"),
            None => error.to_string(),
        },
        errno,
    }
}

/// We said no ourselves, before asking the kernel.
pub(crate) fn unfit(what: &str, reason: &str) -> HostError {
    refused(what, Errno::INVAL.raw_os_error(), Some(reason))
}

/// The kernel's answer was not one we can read.
pub(crate) fn unreadable(what: &str, reason: impl Into<String>) -> HostError {
    HostError::Refused { what: what.to_owned(), error: reason.into(), errno: 0 }
}

/// The error message of a netlink answer.
pub(crate) fn refused_by(what: &str, message: &ErrorMessage) -> HostError {
    let errno = message.code.map_or(0, |code| code.get().saturating_abs());
    refused(what, errno, extack_text(&message.header).as_deref())
}

/// The socket is gone.
pub(crate) fn lost(detail: impl Into<String>) -> HostError {
    HostError::ConnectionLost { detail: detail.into() }
}

/// nft, or starting it, failed.
pub(crate) fn nft(detail: impl Into<String>) -> HostError {
    HostError::Nft { detail: detail.into() }
}

/// Whether the kernel refused with one of these.
pub(crate) fn is_any(error: &HostError, errnos: &[Errno]) -> bool {
    match error {
        HostError::Refused { errno, .. } => errnos.iter().any(|known| known.raw_os_error() == *errno),
        _ => false,
    }
}

/// A result in which these refusals mean that things are already as they should be.
pub(crate) fn ensured(result: Result<(), HostError>, already_so: &[Errno]) -> Result<(), HostError> {
    match result {
        Err(error) if is_any(&error, already_so) => Ok(()),
        other => other,
    }
}

/// The kernel's own words behind an errno. `repeated` is what an error message holds after its code.
fn extack_text(repeated: &[u8]) -> Option<String> {
    let attributes = repeated.get(NETLINK_HEADER_BYTES..)?;
    NlasIterator::new(attributes)
        .flatten()
        .find(|attribute| attribute.kind() == EXTACK_TEXT)
        .map(|attribute| String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_was_asked_the_errno_and_the_kernels_reason() {
        let error = refused("bring link 7 up", 19, Some("because"));
        assert_eq!(error.to_string(), "bring link 7 up: No such device (os error 19): because");
        assert!(is_any(&error, &[Errno::EXIST, Errno::NODEV]));
        assert!(!is_any(&error, &[Errno::EXIST]));
        assert!(!is_any(&lost("x"), &[Errno::NODEV]));
    }

    #[test]
    fn the_kernels_reason_is_found_behind_the_repeated_header() {
        let mut bytes = vec![0; NETLINK_HEADER_BYTES];
        bytes.extend([8, 0, 2, 0, 1, 2, 3, 4]); // an offset, which we do not use
        bytes.extend([9, 0, 1, 0, b'o', b'o', b'p', b's', 0, 0, 0, 0]);
        assert_eq!(extack_text(&bytes).as_deref(), Some("oops"));
        assert_eq!(extack_text(&[0; 3]), None);
        assert_eq!(extack_text(&[0; NETLINK_HEADER_BYTES]), None);
    }
}
