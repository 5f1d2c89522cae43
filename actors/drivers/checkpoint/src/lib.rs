//! The checkpoint port: a file in the schema of the agent enid replaces.
