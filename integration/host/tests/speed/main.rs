//! How long the model takes.

#[cfg(test)]
mod full_node;
