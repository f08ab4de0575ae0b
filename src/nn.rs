//! Building blocks that every encoder shares. Field names are the checkpoints' own, so that a parameter's path in the
//! module tree is its key in the file, e.g. `transformer.resblocks.0.attn.in_proj_weight`.

mod attention;
mod block;
mod embedding;
mod host;
mod interpolate;
mod linear;
mod lora;
mod mlp;
mod norm;
mod param;
mod seed;

pub use attention::{
    Attention, FULLY_MASKED, attend, attend_in_blocks, attention_of_first_query, join_heads, project, split_heads,
};
pub use block::{Adaptable, LinearSlot, ResidualAttentionBlock, Transformer};
pub use embedding::{BiasedTubeletConv, PatchConv, TokenEmbedding, TubeletConv};
pub use interpolate::{cubic_weights, linear_weights};
pub use linear::{Linear, Projection, adapted, affine};
pub use lora::Lora;
pub use mlp::{Mlp, activate};
pub use norm::{LayerNorm, RmsNorm, unit};
pub use param::{ParamPath, lazy, train_only, trainable};
pub use seed::{mix, uniforms};
