//! The region over HTTP, a VPC fabric in network namespaces, nodes and scenarios.
