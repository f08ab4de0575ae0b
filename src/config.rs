//! What a model folder says about itself: architecture (`config.json`) and preprocessing (`preprocessor_config.json`).
//! Nothing has a hidden default: a name that is not known here is refused, never guessed.

/// An enum whose variants have one name each in files and flags: `NAMES`, `Display`, `FromStr` (error:
/// [`Error::UnknownName`](crate::error::Error)) and serde all use that name.
macro_rules! named_enum {
    ($(#[$doc:meta])* $name:ident ($kind:literal) { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every name, in order.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name in files and flags.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::error::Error;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::error::Error::UnknownName {
                        kind: $kind,
                        name: name.to_owned(),
                        known: Self::NAMES.join(", "),
                    }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::error::Error;
            fn try_from(name: String) -> Result<Self, Self::Error> {
                name.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.name().to_owned()
            }
        }
    };
}

mod compact;
mod dtype;
mod internvideo2;
mod lora;
mod model;
mod preprocess;
mod scene_tokens;

pub use dtype::Dtype;
pub use internvideo2::Internvideo2Config;
pub use lora::{ALL_LINEAR, LoraConfig, LoraTowers};
pub use model::{Activation, CaptionCleaning, ModelConfig, ModelType, TextConfig, VisionConfig};
pub use preprocess::{PreprocessConfig, ResizeRule, SamplingRule};
pub use scene_tokens::{ClassHeads, ClassScores, SceneSource, SceneTokensConfig, SceneTokensVariant, VideoPooling};
