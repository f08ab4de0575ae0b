//! The layer table of ARCHITECTURE.md, held against every `use crate::` line: a module may use its own layer's modules
//! named to its right, never one to its left.

#![allow(clippy::unwrap_used)] // A test or bench that fails may panic.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Left may use right, never back (same rank: may not use each other unless listed in `PEERS`).
const LAYERS: &[&[&str]] = &[
    &["cli", "web"],
    &["session"],
    &["train", "eval"],
    &["loss", "data", "weights"],
    &["model", "world"],
    &["text", "video", "graph"],
    &["nn"],
    &["source"],
    &["platform"],
    &["config"],
    &["event"],
    &["error"],
];

/// Uses within one rank that are part of the design.
const PEERS: &[(&str, &str)] = &[("train", "eval"), ("data", "weights")];

/// Crates that only the named modules may mention.
const CRATE_DOORS: &[(&str, &[&str])] = &[
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("anyhow", &["cli"]),
    ("axum", &["cli"]),
    ("web_sys", &["web", "platform", "source"]),
    ("wasm_bindgen", &["web", "platform", "source"]),
    ("js_sys", &["web", "platform", "source"]),
];

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Every file under src with the name of its top module ("lib" and "main" excluded).
fn modules() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    files
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap();
            let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
            let module = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (module, path, text)
        })
        .filter(|(module, ..)| module != "lib" && module != "main")
        .collect()
}

/// Top-level modules named after `crate::` in a line, `use crate::{a, b::c}` included. A file's unit tests, at its end,
/// do not count: they may make what they test with anything.
fn used_modules(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut fresh = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => fresh = true,
                    _ if depth > 0 => {}
                    c if c.is_alphanumeric() || c == '_' => {
                        if fresh {
                            word.push(c);
                        }
                        continue;
                    }
                    _ => {}
                }
                if !word.is_empty() {
                    used.push(std::mem::take(&mut word));
                    fresh = c == ',' && depth == 0;
                }
            }
            if !word.is_empty() {
                used.push(word);
            }
        } else {
            used.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    used
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let rank: BTreeMap<&str, usize> =
        LAYERS.iter().enumerate().flat_map(|(i, names)| names.iter().map(move |name| (*name, i))).collect();
    let mut wrong = Vec::new();
    for (module, path, text) in modules() {
        let Some(own) = rank.get(module.as_str()) else {
            wrong.push(format!("{}: module \"{module}\" has no layer", path.display()));
            continue;
        };
        for used in used_modules(&text) {
            let Some(other) = rank.get(used.as_str()) else { continue };
            let allowed = used == module || other > own || PEERS.contains(&(module.as_str(), used.as_str()));
            if !allowed {
                wrong.push(format!("{}: {module} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "layers broken:\n{}", wrong.join("\n"));
}

#[test]
fn doors_keep_their_crates_to_themselves() {
    let mut wrong = Vec::new();
    for (module, path, text) in modules() {
        for (name, doors) in CRATE_DOORS {
            if text.contains(&format!("{name}::")) && !doors.contains(&module.as_str()) {
                wrong.push(format!("{}: {module} mentions {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "doors broken:\n{}", wrong.join("\n"));
}

#[test]
fn target_dependent_code_lives_at_the_seam() {
    let wrong: Vec<_> = modules()
        .into_iter()
        .filter(|(module, ..)| !["platform", "source"].contains(&module.as_str()))
        // One gate more: ffmpeg and folders of images are native whole modules of `video`, declared in its root.
        .filter(|(_, path, _)| !path.ends_with("src/video.rs"))
        .filter(|(_, _, text)| text.contains("target_arch") || text.contains("target_family"))
        .map(|(_, path, _)| path.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "cfg(target_arch) outside platform and source:\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_use_lines_sees_groups() {
    assert_eq!(
        used_modules("use crate::{error::{Error, Result}, nn};\nlet a = crate::loss::b();"),
        ["error", "nn", "loss"]
    );
}
