//! Tensor names as published files spell them, mapped to the names that [`tensors_of`](super::tensors_of) uses: ViCLIP's
//! and OpenAI CLIP's keys (models.md 1.2, 3).

use super::internvideo2;
use super::transformers::{Assembly, Place, assemblies, place};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Leading name parts that training scripts wrap around a model: `torch.save({"model": ..})`, `DataParallel`.
const WRAPPERS: &[&str] = &["model", "module", "state_dict", "model_state_dict", "clipmodel"];

/// What tells CLIP-ViP's names from those of other CLIPs of Hugging Face's, whose activation their tensors do not tell.
const PROXIES: &str = "vision_model.embeddings.added_cls";

/// Last name parts of buffers that a model needs no value for.
const BUFFERS: &[&str] = &["input_resolution", "context_length", "vocab_size", "attn_mask"];

/// Whose names a checkpoint uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// `vision_encoder.*`, `text_encoder.*`, `temp`.
    Viclip,
    /// OpenAI's, also NegCLIP's and open_clip's: `visual.*`, `transformer.*`, `logit_scale`.
    Clip,
    /// ViFi-CLIP's: `image_encoder.*`, `text_encoder.*`, `prompt_learner.*`.
    VifiClip,
    /// CLIP-ViP's: `clipmodel.vision_model.*`, `clipmodel.text_model.*`.
    ClipVip,
    /// InternVideo2's stage 2: `vision_encoder.*`, `text_encoder.bert.*`, `vision_proj.*`.
    Internvideo2,
}

impl Layout {
    /// The layout that has names starting with `head`.
    fn of_head(head: &str) -> Option<Self> {
        match head {
            "vision_encoder" => Some(Self::Viclip),
            "visual" => Some(Self::Clip),
            "image_encoder" => Some(Self::VifiClip),
            _ => None,
        }
    }

    /// Our name for one without wrappers; `None` for what the model has no use for.
    fn canonical(self, name: &str) -> Option<String> {
        if name.rsplit('.').next().is_some_and(|last| BUFFERS.contains(&last)) {
            return None;
        }
        if self != Self::VifiClip {
            return Some(name.to_owned());
        }
        if name.starts_with("prompt_learner.") {
            return None;
        }
        match name.split_once('.') {
            Some(("image_encoder", rest)) => Some(format!("visual.{rest}")),
            Some(("text_encoder", rest)) => Some(rest.to_owned()),
            _ => Some(name.to_owned()),
        }
    }
}

/// Which tensor of a file is which of the model's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameMap {
    /// Whose names they are.
    pub layout: Layout,
    /// Our name to the file's name.
    pub names: BTreeMap<String, String>,
    /// Our name to what makes the tensor, where it is not one of the file's as it is.
    pub assembled: BTreeMap<String, Assembly>,
    /// Names in the file that are no part of a model: optimiser state, buffers, prompts.
    pub left_out: Vec<String>,
}

impl NameMap {
    /// Recognises the layout of a file's names, wrapped or bare.
    ///
    /// # Errors
    /// [`Error::CorruptFile`] where they are no layout that is known here.
    pub fn of<'a>(names: impl Iterator<Item = &'a str> + Clone, file: &str) -> Result<Self> {
        if let Some(prefix) = names.clone().find_map(|name| name.strip_suffix(PROXIES)) {
            return Ok(Self::of_clip_vip(names, prefix));
        }
        let Some((prefix, layout)) = dominant(names.clone()) else {
            return Err(Error::CorruptFile { file: file.to_owned(), reason: unknown_layout(names) });
        };
        let has_patches = |name: &str| name.strip_prefix(prefix) == Some(internvideo2::PATCHES);
        if layout == Layout::Viclip && names.clone().any(has_patches) {
            return Ok(Self::of_internvideo2(names, prefix));
        }
        let mut map = Self::empty(layout);
        for name in names {
            match bare_name(name, prefix).and_then(|bare| layout.canonical(bare)) {
                Some(canonical) => {
                    map.names.insert(canonical, name.to_owned());
                }
                None => map.left_out.push(name.to_owned()),
            }
        }
        Ok(map)
    }

    fn empty(layout: Layout) -> Self {
        Self { layout, names: BTreeMap::new(), assembled: BTreeMap::new(), left_out: Vec::new() }
    }

    fn of_internvideo2<'a>(names: impl Iterator<Item = &'a str> + Clone, prefix: &str) -> Self {
        let mut map = Self::empty(Layout::Internvideo2);
        let needed = internvideo2::Needed::of(names.clone());
        for name in names {
            match bare_name(name, prefix).filter(|bare| needed.has(bare)) {
                Some(bare) => {
                    map.names.insert(bare.to_owned(), name.to_owned());
                }
                None => map.left_out.push(name.to_owned()),
            }
        }
        map
    }

    fn of_clip_vip<'a>(names: impl Iterator<Item = &'a str>, prefix: &str) -> Self {
        let mut map = Self::empty(Layout::ClipVip);
        let mut parts: BTreeMap<String, BTreeMap<usize, String>> = BTreeMap::new();
        for name in names {
            match name.strip_prefix(prefix).map_or(Place::Nowhere, place) {
                Place::Whole(ours) => {
                    map.names.insert(ours, name.to_owned());
                }
                Place::Part(ours, part) => {
                    parts.entry(ours).or_default().insert(part, name.to_owned());
                }
                Place::Transposed(ours) => {
                    map.assembled.insert(ours, Assembly::Transposed(name.to_owned()));
                }
                Place::Nowhere => map.left_out.push(name.to_owned()),
            }
        }
        map.assembled.extend(assemblies(parts));
        map
    }

    /// A file with parts of a model only (`sg.*`): wrappers are taken off, nothing else is mapped.
    #[must_use]
    pub fn unwrapped<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
        names.map(|name| (name[wrapper_length(name)..].to_owned(), name.to_owned())).collect()
    }
}

/// A name without the model's wrapper; `None` for one that has another.
fn bare_name<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    name.strip_prefix(prefix).filter(|rest| wrapper_length(rest) == 0)
}

/// Bytes of the wrappers that `name` begins with, dots included.
fn wrapper_length(name: &str) -> usize {
    let mut length = 0;
    while let Some((head, _)) = name[length..].split_once('.') {
        if !WRAPPERS.contains(&head) {
            break;
        }
        length += head.len() + 1;
    }
    length
}

/// The wrapper and layout that most video tower names have. A checkpoint may hold a second copy of the model (an average)
/// under another wrapper; with equal counts the shorter wrapper wins.
fn dominant<'a>(names: impl Iterator<Item = &'a str>) -> Option<(&'a str, Layout)> {
    let mut counts: BTreeMap<(&str, Layout), usize> = BTreeMap::new();
    for name in names {
        let (prefix, bare) = name.split_at(wrapper_length(name));
        let head = bare.split('.').next().unwrap_or_default();
        if let Some(layout) = Layout::of_head(head) {
            *counts.entry((prefix, layout)).or_default() += 1;
        }
    }
    let best = counts.into_iter().max_by_key(|((prefix, _), count)| (*count, usize::MAX - prefix.len()));
    best.map(|(key, _)| key)
}

fn unknown_layout<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return "it holds no tensor".to_owned();
    }
    let first = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let known = "ViCLIP or InternVideo2 (vision_encoder.*), CLIP (visual.*), ViFi-CLIP (image_encoder.*) or CLIP-ViP \
                 (clipmodel.*)";
    let transformers = names.iter().any(|name| name.starts_with("vision_model."));
    let hint = if transformers { "; these are transformers' CLIP names, use OpenAI's or open_clip's file" } else { "" };
    format!("none of its {} tensors has a name of {known}; the first are {first}{hint}", names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: &[&str]) -> NameMap {
        NameMap::of(names.iter().copied(), "x").unwrap()
    }

    #[test]
    fn wrappers_of_any_depth_come_off() {
        for prefix in ["", "model.", "module.", "state_dict.", "state_dict.module.", "model.module."] {
            let names = [format!("{prefix}vision_encoder.proj"), format!("{prefix}temp"), "optimizer.lr".to_owned()];
            let map = map(&names.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(map.layout, Layout::Viclip);
            assert_eq!(map.names["vision_encoder.proj"], names[0]);
            assert_eq!(map.names["temp"], names[1]);
        }
    }

    #[test]
    fn what_lies_beside_the_model_is_left_out() {
        let map = map(&["model.visual.proj", "model.context_length", "optimizer.state.0.exp_avg", "epoch"]);
        assert_eq!(map.names.keys().collect::<Vec<_>>(), ["visual.proj"]);
        assert_eq!(map.left_out, ["model.context_length", "optimizer.state.0.exp_avg", "epoch"]);
    }

    #[test]
    fn vifi_clip_gets_openai_names() {
        let map = map(&[
            "module.image_encoder.conv1.weight",
            "module.text_encoder.transformer.resblocks.0.ln_1.bias",
            "module.text_encoder.positional_embedding",
            "module.logit_scale",
            "module.prompt_learner.complete_text_embeddings",
        ]);
        assert_eq!(map.layout, Layout::VifiClip);
        let names: Vec<_> = map.names.keys().map(String::as_str).collect();
        let expected =
            ["logit_scale", "positional_embedding", "transformer.resblocks.0.ln_1.bias", "visual.conv1.weight"];
        assert_eq!(names, expected);
        assert_eq!(map.left_out, ["module.prompt_learner.complete_text_embeddings"]);
    }

    #[test]
    fn clip_vip_s_projections_are_put_together() {
        let block = "clipmodel.vision_model.encoder.layers.0.self_attn";
        let [k, q, v] = ["k", "q", "v"].map(|part| format!("{block}.{part}_proj.weight"));
        let proxies = format!("clipmodel.{PROXIES}");
        let ids = "clipmodel.vision_model.embeddings.position_ids";
        let map = map(&[&k, &q, &v, &proxies, "clipmodel.text_projection.weight", ids, "step"]);
        assert_eq!(map.layout, Layout::ClipVip);
        assert_eq!(map.names, BTreeMap::from([("visual.proxies.added_cls".to_owned(), proxies.clone())]));
        let expected = [
            ("text_projection", Assembly::Transposed("clipmodel.text_projection.weight".to_owned())),
            ("visual.transformer.resblocks.0.attn.in_proj_weight", Assembly::Rows(vec![q, k, v])),
        ];
        assert_eq!(map.assembled, BTreeMap::from(expected.map(|(name, made)| (name.to_owned(), made))));
        assert_eq!(map.left_out, [ids, "step"]);
    }

    #[test]
    fn other_models_are_refused_by_their_names() {
        let error = NameMap::of(["vision_model.embeddings.class_embedding"].into_iter(), "x").unwrap_err();
        assert!(error.to_string().contains("transformers"), "{error}");
        let error = NameMap::of([].into_iter(), "x").unwrap_err();
        assert!(error.to_string().contains("no tensor"), "{error}");
    }
}
