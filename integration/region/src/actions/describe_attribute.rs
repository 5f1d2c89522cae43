//! DescribeNetworkInterfaceAttribute: one attribute of one ENI.

use super::describe_interfaces::{write_attachment_of, write_groups};
use super::{Action, Done};
use crate::error::ApiError;
use crate::ids::EniId;
use crate::params::{DRY_RUN, Params, text};
use crate::region::Region;
use crate::xml::Xml;

pub(crate) const DESCRIBE_NETWORK_INTERFACE_ATTRIBUTE: Action = Action {
    name: "DescribeNetworkInterfaceAttribute",
    params: &[text("NetworkInterfaceId").required(), text("Attribute").required(), DRY_RUN],
    run,
};

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let eni = region.visible_eni(&EniId::parse(params.required("NetworkInterfaceId")?)?)?;
    let mut xml = Xml::default();
    xml.leaf("networkInterfaceId", &eni.id);
    match params.required("Attribute")? {
        "attachment" => {
            if let Some(attachment) = &eni.attachment {
                write_attachment_of(&mut xml, region, attachment);
            }
        }
        "description" => xml.node("description", |xml| xml.leaf("value", &eni.description)),
        "groupSet" => write_groups(&mut xml, region, &eni.groups),
        "sourceDestCheck" => xml.node("sourceDestCheck", |xml| xml.leaf("value", eni.source_dest_check)),
        "associatePublicIpAddress" => {
            return Err(ApiError::not_simulated("the attribute associatePublicIpAddress"));
        }
        other => {
            let message = format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.");
            return Err(ApiError::invalid_value(message));
        }
    }
    Ok(Done::told(xml.done(), false))
}
