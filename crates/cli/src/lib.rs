//! limosa
