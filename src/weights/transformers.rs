//! CLIP-ViP's checkpoints have the names of Hugging Face's CLIP (`clipmodel.vision_model.encoder.layers.0.self_attn.q_proj.weight`):
//! three projections where OpenAI's files have one, and the towers' last projections stored the other way round.

use super::tensor::{HostTensor, TensorInfo};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// How one tensor of ours is made of the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembly {
    /// Tensors one below the other, in this order.
    Rows(Vec<String>),
    /// One, rows and columns exchanged.
    Transposed(String),
}

/// Where a name of the file belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// It is this tensor of ours.
    Whole(String),
    /// It is the n-th of three parts of it.
    Part(String, usize),
    /// It is it transposed.
    Transposed(String),
    /// The model has no use for it.
    Nowhere,
}

/// Our place for one of the file's names without wrappers. Names that are not known stay as they are, so that they are
/// told as surplus.
pub(super) fn place(name: &str) -> Place {
    if name.ends_with(".position_ids") {
        return Place::Nowhere;
    }
    match name {
        "visual_projection.weight" => return Place::Transposed("visual.proj".to_owned()),
        "text_projection.weight" => return Place::Transposed("text_projection".to_owned()),
        _ => {}
    }
    let Some((tower, rest)) = name.split_once('.') else { return Place::Whole(name.to_owned()) };
    let ours = match tower {
        "vision_model" => "visual.",
        "text_model" => "",
        _ => return Place::Whole(name.to_owned()),
    };
    if let Some((block, rest)) = rest.strip_prefix("encoder.layers.").and_then(|rest| rest.split_once('.')) {
        return of_block(&format!("{ours}transformer.resblocks.{block}"), rest);
    }
    let whole = match rest {
        "embeddings.class_embedding" => "class_embedding",
        "embeddings.patch_embedding.weight" => "conv1.weight",
        "embeddings.position_embedding.weight" => "positional_embedding",
        "embeddings.added_cls" => "proxies.added_cls",
        "embeddings.temporal_embedding" => "proxies.temporal_embedding",
        "embeddings.token_embedding.weight" => "token_embedding.weight",
        // Spelt so in every published file.
        "pre_layrnorm.weight" => "ln_pre.weight",
        "pre_layrnorm.bias" => "ln_pre.bias",
        "post_layernorm.weight" => "ln_post.weight",
        "post_layernorm.bias" => "ln_post.bias",
        "final_layer_norm.weight" => "ln_final.weight",
        "final_layer_norm.bias" => "ln_final.bias",
        _ => return Place::Whole(name.to_owned()),
    };
    Place::Whole(format!("{ours}{whole}"))
}

fn of_block(block: &str, rest: &str) -> Place {
    for (part, name) in ["q", "k", "v"].into_iter().enumerate() {
        if let Some(kind) = rest.strip_prefix(&format!("self_attn.{name}_proj.")) {
            return Place::Part(format!("{block}.attn.in_proj_{kind}"), part);
        }
    }
    let modules = [
        ("self_attn.out_proj", "attn.out_proj"),
        ("layer_norm1", "ln_1"),
        ("layer_norm2", "ln_2"),
        ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
    ];
    let renamed = modules.iter().find_map(|(theirs, ours)| Some(format!("{ours}{}", rest.strip_prefix(theirs)?)));
    Place::Whole(format!("{block}.{}", renamed.unwrap_or_else(|| rest.to_owned())))
}

/// Tensors of ours that are made of several or turned: those of names whose parts are all there.
pub(super) fn assemblies(parts: BTreeMap<String, BTreeMap<usize, String>>) -> BTreeMap<String, Assembly> {
    let whole = parts.into_iter().filter(|(_, parts)| parts.len() == 3);
    whole.map(|(ours, parts)| (ours, Assembly::Rows(parts.into_values().collect()))).collect()
}

impl Assembly {
    /// Shape and type of the result.
    ///
    /// # Errors
    /// [`Error::CorruptFile`] for parts that do not fit together.
    pub fn info(&self, infos: &BTreeMap<String, TensorInfo>, file: &str) -> Result<TensorInfo> {
        let corrupt = |name: &str| {
            let reason = format!("\"{name}\" has shape {:?}, which does not fit beside it", infos[name].shape);
            Error::CorruptFile { file: file.to_owned(), reason }
        };
        match self {
            Self::Transposed(name) => match infos[name].shape[..] {
                [rows, columns] => Ok(TensorInfo { shape: vec![columns, rows], ..infos[name].clone() }),
                _ => Err(corrupt(name)),
            },
            Self::Rows(names) => {
                let mut info = infos[&names[0]].clone();
                for name in &names[1..] {
                    let (a, b) = (&info.shape, &infos[name].shape);
                    if a.is_empty() || a.len() != b.len() || a[1..] != b[1..] {
                        return Err(corrupt(name));
                    }
                    info.shape[0] += b[0];
                }
                Ok(info)
            }
        }
    }

    /// Names of the file that it is made of.
    #[must_use]
    pub fn stored(&self) -> &[String] {
        match self {
            Self::Rows(names) => names,
            Self::Transposed(name) => std::slice::from_ref(name),
        }
    }

    /// The result; `parts` in the order of [`Assembly::stored`].
    #[must_use]
    pub fn assemble(&self, shape: Vec<usize>, parts: Vec<Vec<f32>>) -> HostTensor {
        let values = parts.concat();
        let values = match (self, &shape[..]) {
            (Self::Transposed(_), &[rows, columns]) => {
                (0..rows * columns).map(|at| values[at % columns * rows + at / columns]).collect()
            }
            _ => values,
        };
        HostTensor { shape, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::Dtype;

    #[test]
    fn names_find_their_place() {
        let whole = |name: &str| Place::Whole(name.to_owned());
        for (theirs, ours) in [
            ("vision_model.embeddings.added_cls", whole("visual.proxies.added_cls")),
            ("vision_model.pre_layrnorm.bias", whole("visual.ln_pre.bias")),
            (
                "vision_model.encoder.layers.11.mlp.fc2.weight",
                whole("visual.transformer.resblocks.11.mlp.c_proj.weight"),
            ),
            ("text_model.encoder.layers.0.layer_norm1.bias", whole("transformer.resblocks.0.ln_1.bias")),
            ("text_model.embeddings.position_embedding.weight", whole("positional_embedding")),
            ("logit_scale", whole("logit_scale")),
            ("text_projection.weight", Place::Transposed("text_projection".to_owned())),
            ("text_model.embeddings.position_ids", Place::Nowhere),
            (
                "vision_model.encoder.layers.2.self_attn.v_proj.bias",
                Place::Part("visual.transformer.resblocks.2.attn.in_proj_bias".to_owned(), 2),
            ),
        ] {
            assert_eq!(place(theirs), ours, "{theirs}");
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let info = |shape: &[usize]| TensorInfo { shape: shape.to_vec(), dtype: Dtype::F32 };
        let infos = BTreeMap::from([("q".to_owned(), info(&[2, 3])), ("k".to_owned(), info(&[2, 4]))]);
        let rows = Assembly::Rows(vec!["q".to_owned(), "k".to_owned()]);
        assert_eq!(rows.info(&infos, "x").unwrap_err().code(), "corrupt-file");
        let twice = Assembly::Rows(vec!["q".to_owned(), "q".to_owned()]);
        assert_eq!(twice.info(&infos, "x").unwrap().shape, [4, 3]);
        let turned = Assembly::Transposed("q".to_owned());
        assert_eq!(turned.info(&infos, "x").unwrap().shape, [3, 2]);
        let values = turned.assemble(vec![3, 2], vec![vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]).values;
        assert_eq!(values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
