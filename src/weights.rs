//! Checkpoints: reading, writing, and filling a model's parameters.

pub mod module;
