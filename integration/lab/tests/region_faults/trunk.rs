//! Trunks and branches of another controller on the node: row 31.

use region::{DescribeLag, EniId, ImdsFault, Knobs, QueryRequest, ViewLag, When};

use crate::rig::{Rig, describe, text, texts};

/// An ENI of this type, made by the other controller.
async fn made_by_another(rig: &Rig, kind: &'static str) -> EniId {
    let request =
        QueryRequest::new("CreateNetworkInterface").with("SubnetId", &rig.subnet).with("InterfaceType", kind);
    let now = rig.now();
    let newest = move |region: &mut region::Region| {
        let known: Vec<EniId> = region.enis().map(|eni| eni.id.clone()).collect();
        region.by_hand(request, now).unwrap();
        let made = region.enis().find(|eni| !known.contains(&eni.id));
        made.unwrap().id.clone()
    };
    rig.region(newest).await
}

async fn by_another(rig: &Rig, request: QueryRequest) {
    let now = rig.now();
    rig.region(move |region| region.by_hand(request, now)).await.unwrap();
}

/// Attaches the trunk to device 1, and has the branch ride on it.
async fn ride(rig: &Rig, trunk: &EniId, branch: &EniId) {
    by_another(rig, rig.attach_request(trunk, 1)).await;
    let associate = QueryRequest::new("AssociateTrunkInterface")
        .with("TrunkInterfaceId", trunk)
        .with("BranchInterfaceId", branch)
        .with("VlanId", 7);
    by_another(rig, associate).await;
}

/// Status, type, and whether an attachment is told.
async fn seen(rig: &Rig, eni: &EniId) -> (String, String, bool) {
    let body = rig.done(describe(eni)).await;
    (text(&body, "status"), text(&body, "interfaceType"), body.contains("<attachment>"))
}

fn told(status: &str, kind: &str, attached: bool) -> (String, String, bool) {
    (status.to_owned(), kind.to_owned(), attached)
}

#[tokio::test]
async fn row_31_a_trunk_of_another_controller_is_described_and_its_branch_never_in_the_metadata() {
    let rig = Rig::new().await;
    let (trunk, branch) = (made_by_another(&rig, "trunk").await, made_by_another(&rig, "branch").await);
    ride(&rig, &trunk, &branch).await;
    let own = QueryRequest::new("DescribeNetworkInterfaces")
        .with("Filter.1.Name", "attachment.instance-id")
        .with("Filter.1.Value.1", &rig.node);
    let mut ids = texts(&rig.done(own).await, "networkInterfaceId");
    ids.sort();
    let mut expected = [rig.primary.to_string(), trunk.to_string()];
    expected.sort();
    assert_eq!(ids, expected, "a branch is attached to nothing");
    assert_eq!(seen(&rig, &trunk).await, told("in-use", "trunk", true));
    assert_eq!(seen(&rig, &branch).await, told("associated", "branch", false));
    let (trunk_mac, branch_mac) = (rig.mac_of(&trunk).await, rig.mac_of(&branch).await);
    assert_eq!(rig.key(&trunk_mac, "interface-id").await.body, trunk.as_str());
    assert!(!rig.macs().await.contains(&branch_mac));
    assert_eq!(rig.key(&branch_mac, "interface-id").await.status, 404);
}

#[tokio::test]
async fn row_31_trunk_and_branch_lag_and_are_hidden_like_every_interface() {
    let interfaces = ViewLag { attachment_milliseconds: 5_000, ..ViewLag::default() };
    let describe = DescribeLag { interfaces, ..DescribeLag::default() };
    let mut rig = Rig::with(Knobs { describe, ..Knobs::default() }).await;
    let (trunk, branch) = (made_by_another(&rig, "trunk").await, made_by_another(&rig, "branch").await);
    rig.pass(10).await;
    ride(&rig, &trunk, &branch).await;
    let associations = QueryRequest::new("DescribeTrunkInterfaceAssociations");
    rig.pass(4).await;
    assert_eq!(seen(&rig, &trunk).await, told("available", "trunk", false));
    assert_eq!(seen(&rig, &branch).await, told("available", "branch", false));
    assert!(rig.done(associations.clone()).await.contains("<interfaceAssociationSet/>"));
    rig.pass(1).await;
    assert_eq!(seen(&rig, &trunk).await, told("in-use", "trunk", true));
    assert_eq!(seen(&rig, &branch).await, told("associated", "branch", false));
    assert_eq!(text(&rig.done(associations).await, "vlanId"), "7");
    rig.imds_fault("*", When::Always, ImdsFault::HideInterface { device_index: 1 }).await;
    assert_eq!(rig.macs().await.len(), 1, "the trunk is hidden");
}
