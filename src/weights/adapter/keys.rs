//! PEFT's names of tensors and modules, and ours.
//!
//! PEFT puts `base_model.model.` before the module's path and wraps a module that it changes, so that what was `weight` is
//! `base_layer.weight`. Its layer for PyTorch's `nn.MultiheadAttention` (target `attn`) has the factors of the fused
//! projection as its own (`attn.lora_A.weight`, B with `3 width` rows) and those of the output projection, a linear
//! map within the wrapped module, as `attn.base_layer.out_proj.lora_A.weight`.
//!
//! PEFT adds the product of the latter twice in every release that has this layer (up to [`CHECKED_VERSION`]; pull request
//! 3774 of huggingface/peft mends it). What counts is what an adapter does where it was trained, so B is doubled when such a
//! folder is read, and halved when one is written: `peft_version` says how a folder is meant.

use super::{LowRank, Pairs};
use crate::error::{Error, Result};
use crate::weights::HostTensor;
use std::collections::BTreeMap;

const PREFIX: &str = "base_model.model.";

/// The newest version of PEFT that `tests/peft` was run with, and whose reading our folders are written for.
pub(super) const CHECKED_VERSION: &str = "0.21.2";

/// How often a version of PEFT adds the output projection's product. Newer ones are taken to do as they should.
pub(super) fn output_times(peft_version: Option<&str>) -> f32 {
    if peft_version.is_some_and(is_newer) { 1.0 } else { 2.0 }
}

/// Whether a version comes after [`CHECKED_VERSION`].
pub(super) fn is_newer(version: &str) -> bool {
    let numbers =
        |version: &str| -> Vec<u64> { version.split('.').map_while(|part| part.parse().ok()).take(3).collect() };
    numbers(version) > numbers(CHECKED_VERSION)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Factor {
    A,
    B,
}

/// What a tensor of PEFT's file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PeftKey {
    /// A factor of the linear map at our `path`; `module` is what PEFT looks its alpha up by. `output`: of an attention's
    /// output projection.
    Factor { path: String, module: String, factor: Factor, output: bool },
    /// A parameter of the model, by our key.
    Parameter(String),
}

impl PeftKey {
    /// # Errors
    /// [`Error::InvalidInput`] for tensors of other methods (`DoRA`'s magnitudes, biases of factors, embeddings).
    pub fn parse(key: &str, file: &str) -> Result<Self> {
        let bare = key.strip_prefix(PREFIX).unwrap_or(key);
        let ours = bare.replace(".base_layer.", ".");
        for (suffix, factor) in [(".lora_A.weight", Factor::A), (".lora_B.weight", Factor::B)] {
            let Some(linear) = ours.strip_suffix(suffix) else { continue };
            let wrapped = bare.strip_suffix(suffix).unwrap_or(bare);
            let module = wrapped.split(".base_layer.").next().unwrap_or(wrapped).to_owned();
            let path = if is_attention(linear) { format!("{linear}.in_proj") } else { linear.to_owned() };
            let output = is_attention(&module) && path.ends_with(".out_proj");
            return Ok(Self::Factor { path, module, factor, output });
        }
        if ours.split('.').any(|part| part.starts_with("lora_")) {
            let reason = format!(
                "its tensor \"{key}\" is no plain low-rank factor; merge the adapter in Python (merge_and_unload) and \
                 convert the result"
            );
            return Err(Error::InvalidInput { what: file.to_owned(), reason });
        }
        Ok(Self::Parameter(ours))
    }
}

/// Whether a path is that of an `nn.MultiheadAttention`.
fn is_attention(path: &str) -> bool {
    path == "attn" || path.ends_with(".attn")
}

/// PEFT's key of a whole parameter.
pub(super) fn parameter_key(key: &str) -> String {
    format!("{PREFIX}{key}")
}

/// Where our model keeps the adapter of the linear map at `path`: the keys of the factors less `.a` and `.b`.
pub(super) fn lora_module(path: &str) -> String {
    if path.ends_with(".in_proj") { format!("{path}_lora") } else { format!("{path}.lora") }
}

/// A module that PEFT wraps: one rank and alpha for all factors in it.
#[derive(Debug)]
pub(super) struct PeftModule {
    /// Its path, as in `target_modules`.
    pub path: String,
    pub rank: usize,
    pub alpha: f64,
    /// By PEFT's key.
    pub tensors: Vec<(String, HostTensor)>,
}

/// Low-rank pairs as PEFT's layers hold them.
///
/// # Errors
/// [`Error::ShapeMismatch`] for pairs of an attention that are no square and no three squares of one width.
pub(super) fn modules(pairs: &Pairs) -> Result<Vec<PeftModule>> {
    let mut attentions: BTreeMap<&str, [Option<&LowRank>; 2]> = BTreeMap::new();
    let mut modules = Vec::new();
    for (path, pair) in pairs {
        let projection = path.rsplit_once('.').filter(|(module, _)| is_attention(module));
        match projection {
            Some((module, "in_proj")) => attentions.entry(module).or_default()[0] = Some(pair),
            Some((module, "out_proj")) => attentions.entry(module).or_default()[1] = Some(pair),
            _ => modules.push(PeftModule {
                path: path.clone(),
                rank: pair.rank(),
                alpha: pair.alpha(),
                tensors: factors(path, pair.clone()),
            }),
        }
    }
    for (module, pairs) in attentions {
        modules.extend(attention(module, pairs)?);
    }
    modules.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(modules)
}

fn factors(module: &str, pair: LowRank) -> Vec<(String, HostTensor)> {
    vec![(format!("{PREFIX}{module}.lora_A.weight"), pair.a), (format!("{PREFIX}{module}.lora_B.weight"), pair.b)]
}

/// Both projections of an attention with one rank and scale: the smaller pair is filled up with zeros, which add nothing,
/// and the second scale's share goes into its B. `None` where there is neither.
fn attention(module: &str, pairs: [Option<&LowRank>; 2]) -> Result<Option<PeftModule>> {
    let Some(first) = pairs.into_iter().flatten().next() else { return Ok(None) };
    let width = first.shape()[1];
    let scale = pairs.iter().flatten().map(|pair| pair.scale).find(|scale| *scale != 0.0).unwrap_or_default();
    let rank = pairs.iter().flatten().map(|pair| pair.rank()).max().unwrap_or_default();
    let output = format!("{module}.base_layer.out_proj");
    let in_proj = filled(module, pairs[0], [3 * width, width], rank, scale)?;
    let mut out_proj = filled(&output, pairs[1], [width, width], rank, scale)?;
    let times = output_times(Some(CHECKED_VERSION));
    out_proj.b.values.iter_mut().for_each(|value| *value /= times);
    let alpha = in_proj.alpha();
    let mut tensors = factors(module, in_proj);
    tensors.extend(factors(&output, out_proj));
    Ok(Some(PeftModule { path: module.to_owned(), rank, alpha, tensors }))
}

/// A pair of `rank` and `scale` for a linear map of `[out, in]` that adds what `pair` adds.
fn filled(name: &str, pair: Option<&LowRank>, shape: [usize; 2], rank: usize, scale: f64) -> Result<LowRank> {
    let [outputs, inputs] = shape;
    let (mut a, mut b) = (vec![0.0; rank * inputs], vec![0.0; outputs * rank]);
    if let Some(pair) = pair {
        if pair.shape() != shape {
            let (name, expected) = (format!("B A of {name}"), shape.to_vec());
            return Err(Error::ShapeMismatch { name, expected, got: pair.shape().to_vec() });
        }
        a[..pair.a.values.len()].copy_from_slice(&pair.a.values);
        let share = if pair.scale == scale { 1.0 } else { pair.scale / scale };
        for (row, values) in b.chunks_mut(rank).zip(pair.b.values.chunks(pair.rank())) {
            row.iter_mut().zip(values).for_each(|(to, value)| *to = (f64::from(*value) * share) as f32);
        }
    }
    let tensor = |shape, values| HostTensor { shape, values };
    Ok(LowRank { a: tensor(vec![rank, inputs], a), b: tensor(vec![outputs, rank], b), scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(key: &str) -> (String, String, Factor) {
        match PeftKey::parse(key, "x").unwrap() {
            PeftKey::Factor { path, module, factor, output } => {
                assert_eq!(output, path.ends_with("out_proj"));
                (path, module, factor)
            }
            other @ PeftKey::Parameter(_) => panic!("{other:?}"),
        }
    }

    #[test]
    fn factors_are_found_by_path() {
        let block = "visual.transformer.resblocks.3";
        for (key, path, module) in [
            ("attn.lora_A.weight", "attn.in_proj", "attn"),
            ("attn.base_layer.out_proj.lora_A.weight", "attn.out_proj", "attn"),
            ("mlp.c_fc.lora_A.weight", "mlp.c_fc", "mlp.c_fc"),
        ] {
            let expected = (format!("{block}.{path}"), format!("{block}.{module}"), Factor::A);
            assert_eq!(factor(&format!("base_model.model.{block}.{key}")), expected);
            assert_eq!(factor(&format!("{block}.{key}")), expected);
        }
        assert_eq!(factor("base_model.model.q.lora_B.weight"), ("q".to_owned(), "q".to_owned(), Factor::B));
    }

    #[test]
    fn an_attention_s_pairs_must_be_one_attention_s() {
        let pair = |outputs: usize, inputs: usize| {
            let tensor =
                |shape: [usize; 2]| HostTensor { shape: shape.to_vec(), values: vec![1.0; shape[0] * shape[1]] };
            LowRank { a: tensor([2, inputs]), b: tensor([outputs, 2]), scale: 1.0 }
        };
        let code = |in_proj, out_proj| {
            let pairs = Pairs::from([("attn.in_proj".to_owned(), in_proj), ("attn.out_proj".to_owned(), out_proj)]);
            modules(&pairs).map_err(|error| error.code()).map(|modules| modules.len())
        };
        assert_eq!(code(pair(12, 4), pair(4, 4)), Ok(1));
        assert_eq!(code(pair(12, 4), pair(5, 5)), Err("shape-mismatch"));
        assert_eq!(code(pair(4, 4), pair(4, 4)), Err("shape-mismatch"));
    }

    #[test]
    fn the_output_projection_counts_twice_up_to_a_version() {
        for (version, times) in
            [("0.18.0", 2.0), ("0.21.2", 2.0), ("0.21.2.dev0", 2.0), ("0.21.3", 1.0), ("1.0.0", 1.0)]
        {
            assert_eq!(output_times(Some(version)), times, "{version}");
        }
        assert_eq!(output_times(None), 2.0);
    }

    #[test]
    fn the_rest_are_parameters_or_refused() {
        let parse = |key: &str| PeftKey::parse(key, "x");
        let parameter = |key: &str| PeftKey::Parameter(key.to_owned());
        assert_eq!(parse("base_model.model.sg.tokens").unwrap(), parameter("sg.tokens"));
        assert_eq!(parse("base_model.model.a.base_layer.bias").unwrap(), parameter("a.bias"));
        let nested = "base_model.model.x.attn.base_layer.out_proj.base_layer.bias";
        assert_eq!(parse(nested).unwrap(), parameter("x.attn.out_proj.bias"));
        for key in ["a.lora_magnitude_vector", "a.lora_B.bias", "a.lora_embedding_A", "a.lora_A.default.weight"] {
            let error = parse(key).unwrap_err();
            assert!(error.code() == "invalid-input" && error.to_string().contains(key), "{error}");
        }
    }
}
