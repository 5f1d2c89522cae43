//! ModifyNetworkInterfaceAttribute: one attribute of an ENI per call.

use super::{Action, Done, new_interface};
use crate::error::ApiError;
use crate::ids::{AttachmentId, EniId, SecurityGroupId};
use crate::params::{DRY_RUN, Params, boolean, not_simulated, text};
use crate::region::Region;

pub(crate) const MODIFY_NETWORK_INTERFACE_ATTRIBUTE: Action = Action {
    name: "ModifyNetworkInterfaceAttribute",
    params: &[
        text("NetworkInterfaceId").required(),
        text("Description.Value"),
        boolean("SourceDestCheck.Value"),
        text("SecurityGroupId.N"),
        text("Attachment.AttachmentId"),
        boolean("Attachment.DeleteOnTermination"),
        not_simulated("Attachment.DefaultEnaQueueCount"),
        not_simulated("Attachment.EnaQueueCount"),
        not_simulated("EnablePrimaryIpv6"),
        not_simulated("AssociatePublicIpAddress"),
        not_simulated("AssociatedSubnetId.N"),
        DRY_RUN,
    ],
    run,
};

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let id = EniId::parse(params.required("NetworkInterfaceId")?)?;
    let subnet = region.visible_eni(&id)?.subnet.clone();
    let groups = params.list("SecurityGroupId");
    let asks_attachment = params.text("Attachment.AttachmentId").is_some()
        || params.text("Attachment.DeleteOnTermination").is_some();
    let asked = [
        params.text("Description.Value").is_some(),
        params.text("SourceDestCheck.Value").is_some(),
        !groups.is_empty(),
        asks_attachment,
    ];
    match asked.into_iter().filter(|asked| *asked).count() {
        0 => return Err(ApiError::combination("No attributes specified.")),
        1 => {}
        _ => {
            return Err(ApiError::combination("Fields for multiple attribute types specified"));
        }
    }
    if asks_attachment {
        set_delete_on_termination(region, &id, params)?;
    } else if let Some(description) = params.text("Description.Value") {
        region.eni_mut(&id)?.description = new_interface::description(description)?;
    } else if let Some(check) = params.boolean("SourceDestCheck.Value") {
        region.eni_mut(&id)?.source_dest_check = check;
    } else {
        let named: Vec<SecurityGroupId> =
            groups.into_iter().map(SecurityGroupId::parse).collect::<Result<_, _>>()?;
        let groups = region.groups_or_default(&named, &subnet)?;
        region.eni_mut(&id)?.groups = groups;
        region.publish_change(&id);
    }
    Ok(Done::changed())
}

fn set_delete_on_termination(region: &mut Region, id: &EniId, params: &Params) -> Result<(), ApiError> {
    let named = AttachmentId::parse(params.required("Attachment.AttachmentId")?)?;
    let delete = params
        .boolean("Attachment.DeleteOnTermination")
        .ok_or_else(|| ApiError::missing("Attachment.DeleteOnTermination"))?;
    let attachment = region.eni_mut(id)?.attachment.as_mut().filter(|attachment| attachment.id == named);
    attachment.ok_or_else(|| named.not_found())?.delete_on_termination = delete;
    Ok(())
}
