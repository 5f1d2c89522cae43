//! The real checkpoint driver on a disk that tears, reorders and loses.

#[cfg(test)]
mod files;
#[cfg(test)]
mod power;
