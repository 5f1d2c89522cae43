//! The model refuses the plans that the shim refuses, for the same reason.

use proptest::prelude::*;

use crate::operations::some_plan;
use crate::shim;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_refused_by_the_model_as_by_the_shim(plan in some_plan()) {
        let mut model = host::Linux::new(0);
        let (host, pod) = (model.add_namespace(), model.add_namespace());
        let site = host::Site {
            host,
            pod,
            ifname: "eth0".to_owned(),
            host_veth: "eni1".to_owned(),
            pod_mac: contract::model::Mac([2; 6]),
        };
        let refused = match model.carry_out(&site, &plan) {
            Err(host::WiringError::Plan(problem)) => Some(problem),
            _ => None,
        };
        prop_assert_eq!(shim::check(&plan).err(), refused);
    }
}
