//! Caption cleaning of the published ViCLIP and InternVideo2 evaluations.

use super::clean::is_space;

/// Cleans a caption as the published evaluations do before they tokenize it (models.md 1.8): lower case, most
/// punctuation deleted, `-` and `/` as spaces, runs of two and more white spaces as one space; then at most
/// `max_words` words, where words are what single spaces separate.
#[must_use]
pub fn pre_text(text: &str, max_words: Option<usize>) -> String {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|c| !",.'!?\"()*#:;~".contains(*c))
        .map(|c| if matches!(c, '-' | '/') { ' ' } else { c })
        .collect();
    let collapsed = collapse_runs(&kept.replace("<person>", "person"));
    let cleaned = collapsed.trim_end_matches('\n').trim_matches(' ');
    match max_words {
        Some(limit) => cleaned.split(' ').take(limit).collect::<Vec<_>>().join(" "),
        None => cleaned.to_owned(),
    }
}

/// Two and more white spaces become one space; a lone one stays what it is.
fn collapse_runs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if is_space(c) && chars.next_if(|next| is_space(*next)).is_some() {
            while chars.next_if(|next| is_space(*next)).is_some() {}
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    out
}
