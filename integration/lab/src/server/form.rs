//! `application/x-www-form-urlencoded`, as EC2's query protocol sends it. Pure.

/// The pairs of a body, in order. A `%` that is followed by no two hex digits stands for itself.
pub(super) fn decode(body: &[u8]) -> Vec<(String, String)> {
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let key = halves.next().unwrap_or_default();
            let value = halves.next().unwrap_or_default();
            (text(key), text(value))
        })
        .collect()
}

fn text(encoded: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, hex(tail)) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(bytes: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(bytes.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_body_as_the_sdk_sends_it_is_decoded() {
        let body = b"Action=CreateTags&Tag.1.Key=node.k8s.amazonaws.com%2Finstance_id&Tag.1.Value=a+b%26c&Description=";
        let pairs = decode(body);
        let expected = [
            ("Action", "CreateTags"),
            ("Tag.1.Key", "node.k8s.amazonaws.com/instance_id"),
            ("Tag.1.Value", "a b&c"),
            ("Description", ""),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(pairs, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn what_was_encoded_byte_by_byte_comes_back(key in "\\PC{1,12}", value in "\\PC{0,12}") {
            let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
            let body = format!("{}={}", encode(&key), encode(&value));
            prop_assert_eq!(decode(body.as_bytes()), [(key, value)]);
        }

        #[test]
        fn no_bytes_at_all_break_it(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            decode(&body);
        }
    }
}
