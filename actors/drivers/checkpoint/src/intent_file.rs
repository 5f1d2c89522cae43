//! `eni-intents.json`: what is under way in EC2. Text to intents and back. Pure; it never touches the disk.

use contract::model::InstanceId;
use contract::ports::intents::{Intent, IntentImage};
use serde::Serialize;
use serde_json::Value;

use crate::own_file::records;
use crate::peer_file::{Decoded, take_list, versioned_object};

/// Raised when an older enid could not read the file any more.
pub(crate) const VERSION: &str = "enid-eni-intents/1";

#[derive(Serialize)]
struct FileOut<'a> {
    version: &'a str,
    instance: &'a InstanceId,
    intents: &'a [Intent],
}

/// Reads the file. The second part lists intents that could not be used. Without an instance they are nobody's.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<IntentImage> {
    let mut members = versioned_object(bytes, VERSION)?;
    let mut flaws = Vec::new();
    let instance = match members.remove("instance") {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let intents = records::<Intent>("intents", take_list(&mut members, "intents")?, &mut flaws);
    Ok((IntentImage { instance: InstanceId::new(instance), intents }, flaws))
}

/// Writes the file, with a newline at its end.
pub(crate) fn encode(image: &IntentImage) -> Result<Vec<u8>, serde_json::Error> {
    let out = FileOut { version: VERSION, instance: &image.instance, intents: &image.intents };
    let mut bytes = serde_json::to_vec(&out)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::model::{EniId, SecurityGroupId, SubnetId};
    use contract::ports::ec2::EniOrder;

    fn image() -> IntentImage {
        let order = EniOrder {
            token: "t-1".to_owned(),
            subnet: SubnetId::new("subnet-1"),
            secondary_addresses: 9,
            groups: vec![SecurityGroupId::new("sg-1")],
            description: "aws-K8S-i-1".to_owned(),
            tags: vec![("k".to_owned(), "v".to_owned())],
        };
        let eni = EniId::new("eni-1");
        IntentImage {
            instance: InstanceId::new("i-1"),
            intents: vec![
                Intent::Coming { order: order.clone(), eni: None },
                Intent::Coming { order, eni: Some(eni.clone()) },
                Intent::Going { eni },
            ],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = encode(&image()).unwrap();
        let (read, flaws) = decode(&bytes).unwrap();
        assert_eq!((read, flaws), (image(), Vec::new()));
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.contains(r#"{"coming":{"order":{"token":"t-1","subnet":"subnet-1","secondaryAddresses":9,"#)
        );
        assert!(text.contains(r#"{"going":{"eni":"eni-1"}}"#), "{text}");
    }

    #[test]
    fn an_intent_that_cannot_be_read_costs_itself_alone() {
        let text = String::from_utf8(encode(&image()).unwrap()).unwrap();
        let (read, flaws) = decode(text.replace(r#"{"going":"#, r#"{"flying":"#).as_bytes()).unwrap();
        assert_eq!((read.intents.len(), flaws.len()), (2, 1));
        assert!(decode(text.replace("intents/1", "intents/2").as_bytes()).is_err());
        assert!(decode(b"").is_err());
    }
}
