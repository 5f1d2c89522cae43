//! The driver against the real kernel, each test in network namespaces of its own. Without root they say that they were
//! skipped; they send no packet.

#[cfg(test)]
mod connection;
#[cfg(test)]
mod links;
#[cfg(test)]
mod news;
mod nft;
#[cfg(test)]
mod place;
#[cfg(test)]
mod random;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod rules;
