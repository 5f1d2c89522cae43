//! AssociateTrunkInterface, DisassociateTrunkInterface, DescribeTrunkInterfaceAssociations. GRE is EC2's older tagging, which
//! nobody's node uses: refused by name.

use super::filter::Filters;
use super::page::PageRule;
use super::{Action, Done};
use crate::client_tokens;
use crate::eni::Eni;
use crate::error::ApiError;
use crate::ids::{AssociationId, EniId, VlanId};
use crate::params::{DRY_RUN, Params, integer, not_simulated, text};
use crate::region::Region;
use crate::tags::Tags;
use crate::trunk::Association;
use crate::xml::Xml;

pub(crate) const ASSOCIATE_TRUNK_INTERFACE: Action = Action {
    name: "AssociateTrunkInterface",
    params: &[
        text("BranchInterfaceId").required(),
        text("TrunkInterfaceId").required(),
        integer("VlanId").required(),
        not_simulated("GreKey"),
        text("ClientToken"),
        DRY_RUN,
    ],
    run: associate,
};

pub(crate) const DISASSOCIATE_TRUNK_INTERFACE: Action = Action {
    name: "DisassociateTrunkInterface",
    params: &[text("AssociationId").required(), text("ClientToken"), DRY_RUN],
    run: disassociate,
};

pub(crate) const DESCRIBE_TRUNK_INTERFACE_ASSOCIATIONS: Action = Action {
    name: "DescribeTrunkInterfaceAssociations",
    params: &[
        text("AssociationId.N"),
        text("Filter.N.Name"),
        text("Filter.N.Value.N"),
        integer("MaxResults"),
        text("NextToken"),
        DRY_RUN,
    ],
    run: describe,
};

const FILTERS: &[&str] = &["gre-key", "interface-protocol"];

const PAGES: PageRule = PageRule {
    action: "DescribeTrunkInterfaceAssociations",
    ids: &["AssociationId"],
    default_size: None,
    size_max: 255,
};

fn associate(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let (trunk, branch) = (
        EniId::parse(params.required("TrunkInterfaceId")?)?,
        EniId::parse(params.required("BranchInterfaceId")?)?,
    );
    let vlan = VlanId::parse(params.required("VlanId")?)?;
    let now = region.clock;
    let known = region.associate_tokens.recall(params, now)?;
    let fresh = known.is_none();
    let id = match known {
        Some(known) => known,
        None => region.associate(&branch, &trunk, vlan)?,
    };
    if fresh {
        region.associate_tokens.remember(params, id.clone(), now);
    }
    // A token outlives its association: EC2 then knows the call but not the thing.
    let eni = region.visible_eni(&branch)?;
    let association = eni.association.as_ref().filter(|association| association.id == id);
    let association = association.ok_or_else(|| id.not_found())?;
    let members = Xml::of(|xml| {
        xml.node("interfaceAssociation", |xml| write(xml, eni, association));
        xml.maybe("clientToken", client_tokens::token(params));
    });
    Ok(Done::told(members, fresh))
}

fn disassociate(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let id = AssociationId::parse(params.required("AssociationId")?)?;
    let now = region.clock;
    let known = region.disassociate_tokens.recall(params, now)?;
    if known.is_none() {
        region.disassociate(&id)?;
        region.disassociate_tokens.remember(params, (), now);
    }
    let members = Xml::of(|xml| {
        xml.leaf("return", true);
        xml.maybe("clientToken", client_tokens::token(params));
    });
    Ok(Done::told(members, known.is_none()))
}

fn describe(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, FILTERS)?;
    let ids = params.list("AssociationId");
    let ids = ids.into_iter().map(AssociationId::parse).collect::<Result<Vec<_>, _>>()?;
    let all = || region.associations().filter(|(eni, _)| eni.visible_at <= region.clock);
    if let Some(unknown) = ids.iter().find(|id| !all().any(|(_, association)| association.id == **id)) {
        return Err(unknown.not_found());
    }
    let named = all().filter(|(_, association)| ids.is_empty() || ids.contains(&association.id));
    let mut found: Vec<(&Eni, &Association)> = named.filter(|_| filters.pass(&Tags::new(), facts)).collect();
    found.sort_by_key(|(_, association)| &association.id);
    let page = PAGES.page(params, found, |(_, association)| association.id.to_string())?;
    let members = Xml::of(|xml| {
        xml.list("interfaceAssociationSet", page.items, |xml, (eni, association)| {
            write(xml, eni, association)
        });
        xml.maybe("nextToken", page.next_token.as_ref());
    });
    Ok(Done::told(members, false))
}

fn facts(filter: &str) -> Vec<String> {
    if filter == "interface-protocol" { vec!["VLAN".to_owned()] } else { Vec::new() }
}

fn write(xml: &mut Xml, branch: &Eni, association: &Association) {
    xml.leaf("associationId", &association.id);
    xml.leaf("branchInterfaceId", &branch.id);
    xml.leaf("trunkInterfaceId", &association.trunk);
    xml.leaf("interfaceProtocol", "VLAN");
    xml.leaf("vlanId", association.vlan);
    xml.empty_list("tagSet");
}
