//! Owns host wiring: routes, rules, nft and ENI tables.
