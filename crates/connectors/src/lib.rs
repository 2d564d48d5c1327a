//! limosa-connectors
