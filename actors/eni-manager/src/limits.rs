//! What each instance type allows. The table is data; a type it does not know is asked of EC2.

use contract::model::InstanceType;
use contract::ports::ec2::InstanceLimits;

const TABLE: &str = include_str!("../data/instance-limits.txt");

/// The limits of a type's first network card, if the table knows the type.
#[must_use]
pub fn limits_of(instance_type: &InstanceType) -> Option<InstanceLimits> {
    TABLE.lines().find_map(|line| {
        let mut words = line.split(' ');
        if words.next()? != instance_type.as_str() {
            return None;
        }
        let enis = words.next()?.parse().ok()?;
        let addresses_per_eni = words.next()?.parse().ok()?;
        Some(InstanceLimits { enis, addresses_per_eni })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_have_their_limits() {
        for (name, enis, addresses_per_eni) in
            [("m5.large", 3, 10), ("t3.small", 3, 4), ("r6g.medium", 2, 4), ("c5.18xlarge", 15, 50)]
        {
            let limits = limits_of(&InstanceType::new(name));
            assert_eq!(limits, Some(InstanceLimits { enis, addresses_per_eni }), "{name}");
        }
        assert_eq!(limits_of(&InstanceType::new("m99.nosuch")), None);
        assert_eq!(limits_of(&InstanceType::new("#")), None);
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let types: Vec<_> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(types.len(), 1392);
        for line in types {
            let name = line.split(' ').next().unwrap();
            assert!(limits_of(&InstanceType::new(name)).is_some(), "{line}");
        }
    }
}
