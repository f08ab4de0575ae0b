//! sgcr tells near-miss captions of a video apart: who did what to whom, in which order.
//!
//! Video-text models (ViCLIP, CLIP) whose video encoder can carry scene-graph tokens (SGCR-Vid) score captions against
//! clips, in a web page on WebGPU and natively, from the same code. `ARCHITECTURE.md` shows the layers; the
//! place to start reading is [`session`].

pub mod config;
pub mod data;
pub mod error;
pub mod eval;
pub mod event;
pub mod graph;
pub mod loss;
pub mod model;
pub mod nn;
pub mod platform;
pub mod session;
pub mod source;
pub mod text;
pub mod train;
pub mod video;
pub mod weights;
pub mod world;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use error::{Error, Result};
