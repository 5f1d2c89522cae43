//! AttachNetworkInterface, DetachNetworkInterface, DeleteNetworkInterface: parameters in, the ENI's life elsewhere.

use super::{Action, Done};
use crate::attachment::Place;
use crate::error::ApiError;
use crate::ids::{AttachmentId, EniId, InstanceId};
use crate::params::{DRY_RUN, Params, boolean, integer, not_simulated, text};
use crate::region::Region;
use crate::xml::Xml;

pub(crate) const ATTACH_NETWORK_INTERFACE: Action = Action {
    name: "AttachNetworkInterface",
    params: &[
        text("NetworkInterfaceId").required(),
        text("InstanceId").required(),
        integer("DeviceIndex").required(),
        integer("NetworkCardIndex"),
        not_simulated("EnaQueueCount"),
        DRY_RUN,
    ],
    run: attach,
};

pub(crate) const DETACH_NETWORK_INTERFACE: Action = Action {
    name: "DetachNetworkInterface",
    params: &[text("AttachmentId").required(), boolean("Force"), DRY_RUN],
    run: detach,
};

pub(crate) const DELETE_NETWORK_INTERFACE: Action = Action {
    name: "DeleteNetworkInterface",
    params: &[text("NetworkInterfaceId").required(), DRY_RUN],
    run: delete,
};

fn attach(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let eni = EniId::parse(params.required("NetworkInterfaceId")?)?;
    let device_index = params.integer("DeviceIndex").ok_or_else(|| ApiError::missing("DeviceIndex"))?;
    let place = Place {
        instance: InstanceId::parse(params.required("InstanceId")?)?,
        card: params.integer("NetworkCardIndex").unwrap_or(0),
        device_index,
    };
    let attachment = region.attach_interface(&eni, &place)?;
    let members = Xml::of(|xml| {
        xml.leaf("attachmentId", &attachment);
        xml.leaf("networkCardIndex", place.card);
    });
    Ok(Done::told(members, true))
}

fn detach(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let attachment = AttachmentId::parse(params.required("AttachmentId")?)?;
    region.detach_interface(&attachment, params.boolean("Force").unwrap_or(false))?;
    Ok(Done::changed())
}

fn delete(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    region.delete_interface(&EniId::parse(params.required("NetworkInterfaceId")?)?)?;
    Ok(Done::changed())
}
