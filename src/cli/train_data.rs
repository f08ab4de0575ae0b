//! The user's own data as flags of `sgcr train`.

use crate::data::{BadVideo, MergeSegments};
use crate::graph::Spans;
use crate::train::DataConfig;
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as WordError, StrDeserializer};
use std::path::PathBuf;

/// Declares [`DataFlags`]: every field of [`DataConfig`] as a flag of the same name.
macro_rules! data_flags {
    (
        paths { $($(#[$path_doc:meta])* $path:ident,)+ }
        others { $($(#[$meta:meta])* $field:ident: $type:ty,)+ }
    ) => {
        /// Your own data; what is not given keeps what the file or preset says. In a file these settings are the table
        /// `[data]`.
        #[derive(Debug, clap::Args)]
        #[command(next_help_heading = "Your own data (settings data.*)")]
        pub struct DataFlags {
            $($(#[$path_doc])* #[arg(long)] $path: Option<PathBuf>,)+
            $($(#[$meta])* #[arg(long)] $field: Option<$type>,)+
        }

        impl DataFlags {
            /// The settings with these flags in place.
            pub fn apply(&self, config: DataConfig) -> DataConfig {
                DataConfig {
                    $($path: self.$path.clone().or(config.$path),)+
                    $($field: self.$field.unwrap_or(config.$field),)+
                }
            }
        }
    };
}

data_flags! {
    paths {
        /// Pairs to train on, one {"video": "a.mp4", "caption": "a dog barks"} a line
        manifest,
        /// Folder that the pairs' paths are relative to [default: the manifest's]
        videos,
        /// Pairs to be tested on, in a manifest of their own [default: some of the manifest's, where --validate-every asks]
        validation,
        /// Folder of annotations in VidVRD's or VidOR's layout
        annotations,
        /// Folder of the annotated videos [default: where the data sets keep them]
        annotated_videos,
        /// Captions of regions, one {"video", "frame", "track", "caption"} a line: they describe the annotated objects
        region_captions,
        /// Table of negatives to use in place of the built-in one
        negatives,
        /// Table of labels in words
        labels,
        /// Folder that keeps decoded frames for later epochs
        cache,
    }
    others {
        /// Whose relations in pieces are joined: off, train, always [default: train]
        #[arg(value_parser = word::<MergeSegments>)]
        merge_segments: MergeSegments,
        /// What "O spans F and B" means: overlaps, contains, contains-else-overlaps [default: overlaps]
        #[arg(value_parser = word::<Spans>)]
        spans: Spans,
        /// Whether the objects' colours, sizes and positions are estimated from the frames: true or false
        estimate_attributes: bool,
        /// What a video or annotation does that cannot be read: stop, skip (left out, counted, named) [default: stop]
        #[arg(value_parser = word::<BadVideo>)]
        bad_video: BadVideo,
        /// Threads that decode; 0: one a core
        workers: usize,
        /// Batches that are decoded ahead
        ahead: usize,
        /// Bytes that the cache may grow to
        cache_bytes: u64,
    }
}

/// A setting whose values have names, by its name.
///
/// # Errors
/// The names that exist.
pub fn word<T: DeserializeOwned>(name: &str) -> Result<T, WordError> {
    let name: StrDeserializer<'_, WordError> = name.into_deserializer();
    T::deserialize(name)
}
