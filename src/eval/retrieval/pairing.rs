//! Which texts are right for which videos.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Videos and texts in groups: a text is right for the videos of its group, and only for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    video_group: Vec<usize>,
    text_group: Vec<usize>,
    /// Texts of each group.
    texts_of: Vec<Vec<usize>>,
    /// Videos of each group.
    videos_of: Vec<Vec<usize>>,
}

impl Pairing {
    /// One group a video: `video_of[text]` is the video that a text belongs to; a video may have several texts.
    ///
    /// # Errors
    /// As [`Pairing::groups`].
    pub fn captions(videos: usize, video_of: &[usize]) -> Result<Self> {
        Self::groups(&(0..videos).collect::<Vec<_>>(), video_of)
    }

    /// Text i belongs to video i.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no pair.
    pub fn one_to_one(pairs: usize) -> Result<Self> {
        let all: Vec<usize> = (0..pairs).collect();
        Self::groups(&all, &all)
    }

    /// Videos and texts of equal keys belong together: with the caption as key, texts that several clips share are right
    /// for all of these.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no videos or texts, and for a video or text to which nothing belongs: a query without a
    /// right answer has no rank.
    pub fn groups<K: Ord>(videos: &[K], texts: &[K]) -> Result<Self> {
        let invalid = |reason: String| Err(Error::InvalidInput { what: "retrieval pairs".to_owned(), reason });
        if videos.is_empty() || texts.is_empty() {
            return invalid(format!("{} videos and {} texts; give at least one of each", videos.len(), texts.len()));
        }
        let mut numbers = BTreeMap::new();
        for key in videos {
            let next = numbers.len();
            numbers.entry(key).or_insert(next);
        }
        let video_group: Vec<usize> = videos.iter().filter_map(|key| numbers.get(key).copied()).collect();
        let text_group: Vec<usize> = texts.iter().map_while(|key| numbers.get(key).copied()).collect();
        if text_group.len() < texts.len() {
            return invalid(format!("text {} belongs to no video that is there", text_group.len()));
        }
        let (texts_of, videos_of) = (members(&text_group, numbers.len()), members(&video_group, numbers.len()));
        match video_group.iter().position(|group| texts_of[*group].is_empty()) {
            Some(video) => invalid(format!("video {video} has no text; leave it out")),
            None => Ok(Self { video_group, text_group, texts_of, videos_of }),
        }
    }

    /// Number of videos.
    #[must_use]
    pub const fn videos(&self) -> usize {
        self.video_group.len()
    }

    /// Number of texts.
    #[must_use]
    pub const fn texts(&self) -> usize {
        self.text_group.len()
    }

    /// The texts that are right for a video.
    #[must_use]
    pub fn texts_of(&self, video: usize) -> &[usize] {
        &self.texts_of[self.video_group[video]]
    }

    /// The videos that are right for a text.
    #[must_use]
    pub fn videos_of(&self, text: usize) -> &[usize] {
        &self.videos_of[self.text_group[text]]
    }
}

fn members(group: &[usize], groups: usize) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); groups];
    for (item, group) in group.iter().enumerate() {
        members[*group].push(item);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_belong_together() {
        let pairing = Pairing::groups(&["b", "a", "b"], &["a", "b", "b", "a"]).unwrap();
        assert_eq!((pairing.videos(), pairing.texts()), (3, 4));
        assert_eq!(
            (pairing.texts_of(0), pairing.texts_of(1), pairing.texts_of(2)),
            (&[1, 2][..], &[0, 3][..], &[1, 2][..])
        );
        assert_eq!((pairing.videos_of(1), pairing.videos_of(3)), (&[0, 2][..], &[1][..]));
        let captions = Pairing::captions(2, &[1, 0, 1]).unwrap();
        assert_eq!((captions.texts_of(0), captions.texts_of(1)), (&[1][..], &[0, 2][..]));
        assert_eq!(Pairing::one_to_one(2).unwrap(), Pairing::captions(2, &[0, 1]).unwrap());
    }

    #[test]
    fn a_query_without_a_right_answer_is_refused() {
        let refused = |pairing: Result<Pairing>| {
            let error = pairing.unwrap_err();
            assert_eq!(error.code(), "invalid-input");
            error.to_string()
        };
        assert!(refused(Pairing::captions(3, &[0, 2])).contains("video 1 has no text"));
        assert!(refused(Pairing::captions(2, &[0, 1, 2])).contains("text 2"));
        refused(Pairing::one_to_one(0));
        refused(Pairing::captions(1, &[]));
    }
}
