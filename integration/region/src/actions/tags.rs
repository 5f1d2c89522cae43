//! CreateTags and DeleteTags on whatever has an id, and the tags that come with a create.

use super::{Action, Done};
use crate::error::ApiError;
use crate::params::{DRY_RUN, Params, text};
use crate::region::Region;
use crate::tags::{self, Tags};

pub(crate) const CREATE_TAGS: Action = Action {
    name: "CreateTags",
    params: &[text("ResourceId.N").required(), text("Tag.N.Key").required(), text("Tag.N.Value"), DRY_RUN],
    run: create,
};

pub(crate) const DELETE_TAGS: Action = Action {
    name: "DeleteTags",
    params: &[text("ResourceId.N").required(), text("Tag.N.Key"), text("Tag.N.Value"), DRY_RUN],
    run: delete,
};

/// The tags of every `TagSpecification`, all of which must be for this type of resource; who may not tag may not tag on create.
pub(crate) fn specified(region: &Region, params: &Params, resource_type: &str) -> Result<Tags, ApiError> {
    specified_of(region, params, &[resource_type], resource_type)
}

/// The tags for one type of resource; others may be for the other types.
pub(crate) fn specified_of(
    region: &Region,
    params: &Params,
    resource_types: &[&str],
    resource_type: &str,
) -> Result<Tags, ApiError> {
    let mut all = Tags::new();
    for specification in params.records("TagSpecification") {
        let named = specification.text("ResourceType").unwrap_or_default();
        if !resource_types.contains(&named) {
            let message = format!("'{named}' is not a valid taggable resource type for this operation.");
            return Err(ApiError::invalid_value(message));
        }
        let tags = read(&specification)?;
        if named == resource_type {
            all = tags::merged(&all, &tags)?;
        }
    }
    if !all.is_empty() && region.knobs.denied_actions.contains("CreateTags") {
        return Err(region.unauthorized("CreateTags"));
    }
    Ok(all)
}

fn read(params: &Params) -> Result<Tags, ApiError> {
    let mut read = Tags::new();
    for record in params.records("Tag") {
        let (key, value) = (record.required("Key")?, record.text("Value").unwrap_or_default());
        tags::check(key, value)?;
        if read.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::invalid_value(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    Ok(read)
}

/// All resources get all tags, or none gets any.
fn create(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let new = read(params)?;
    let mut merged = Vec::new();
    for id in params.list("ResourceId") {
        merged.push((id, tags::merged(region.tags_mut(id)?, &new)?));
    }
    for (id, tags) in merged {
        *region.tags_mut(id)? = tags;
    }
    Ok(Done::changed())
}

/// A tag with a value goes only if it has that value; without tags, all go that are not AWS's own.
fn delete(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let named = params.records("Tag");
    for record in &named {
        tags::check(record.required("Key")?, "")?;
    }
    let ids = params.list("ResourceId");
    for id in &ids {
        region.tags_mut(id)?;
    }
    for id in ids {
        let held = region.tags_mut(id)?;
        if named.is_empty() {
            held.retain(|key, _| key.starts_with("aws:"));
        }
        for record in &named {
            let value = record.text("Value");
            let key = record.text("Key").unwrap_or_default();
            if value.is_none() || value == held.get(key).map(String::as_str) {
                held.remove(key);
            }
        }
    }
    Ok(Done::changed())
}
