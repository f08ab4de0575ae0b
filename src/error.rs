//! The crate's one error type. Every variant carries what happened in fields, says in its message what to do, and has
//! a stable [`Error::code`] that the command line, the page and tests can match on.

use std::path::PathBuf;

/// Result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, by cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a file operation.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried: "read", "write", "create" …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A URL could not be read.
    #[error("cannot fetch {url}: {reason}; check the address and that its server allows this page to read it (CORS)")]
    Fetch {
        /// The address.
        url: String,
        /// Status line or network error.
        reason: String,
    },
    /// A folder lacks a file that it must have.
    #[error("{folder} has no {file}: {advice}")]
    MissingFile {
        /// Folder or base address.
        folder: String,
        /// The file's name.
        file: String,
        /// What to do about it.
        advice: String,
    },
    /// A JSON document does not parse or has a wrong field.
    #[error("{file} is not valid here (line {line}, column {column}): {reason}")]
    InvalidJson {
        /// The document.
        file: String,
        /// 1-based line, 0 when unknown.
        line: usize,
        /// 1-based column, 0 when unknown.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A row of a benchmark's file makes no sense.
    #[error("{file}, line {line}: {reason}")]
    InvalidRow {
        /// The file.
        file: String,
        /// 1-based line on which the row begins.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Data whose licence forbids to train on it was given for training.
    #[error("{file} must not be trained on: {reason}")]
    NotForTraining {
        /// The file.
        file: String,
        /// The licence's words, in short, and what to do.
        reason: String,
    },
    /// A configuration value is out of its range or contradicts another.
    #[error("config: {field} = {value} is not possible: {expected}")]
    InvalidConfig {
        /// Dotted field name, e.g. `vision.heads`.
        field: &'static str,
        /// The value found.
        value: String,
        /// What it has to be.
        expected: String,
    },
    /// A settings file or `--set` names a setting that does not exist, or gives one a value that does not fit.
    #[error("{place}: {reason}")]
    InvalidSetting {
        /// The file and line, or the flag.
        place: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A name out of a closed list (activation, resize rule, sampling rule, …) is unknown.
    #[error("unknown {kind} \"{name}\"; known are: {known}")]
    UnknownName {
        /// What is named.
        kind: &'static str,
        /// The name found.
        name: String,
        /// The names that exist, comma-separated.
        known: String,
    },
    /// A checkpoint lacks a tensor that the model needs.
    #[error("{file} has no tensor \"{name}\" (expected shape {expected:?}); nearest names in the file: {closest}")]
    MissingTensor {
        /// The tensor's name.
        name: String,
        /// The checkpoint.
        file: String,
        /// Shape the model needs.
        expected: Vec<usize>,
        /// Nearest names in the file, comma-separated.
        closest: String,
    },
    /// A checkpoint has tensors that the model has no place for.
    #[error("{file} has tensors this model has no place for: {names}; is the config the one of this checkpoint?")]
    UnexpectedTensor {
        /// The names, comma-separated (at most eight, then a count).
        names: String,
        /// The checkpoint.
        file: String,
    },
    /// A tensor has another shape than the model needs.
    #[error("\"{name}\" has shape {got:?}, expected {expected:?}; is the config the one of this checkpoint?")]
    ShapeMismatch {
        /// The tensor's or argument's name.
        name: String,
        /// Shape needed.
        expected: Vec<usize>,
        /// Shape found.
        got: Vec<usize>,
    },
    /// A tensor or result holds NaN or infinity.
    #[error("\"{name}\" holds a NaN or infinite number at element {index}; the file is damaged or training diverged")]
    NonFinite {
        /// The tensor's name.
        name: String,
        /// Row-major index of the first one.
        index: usize,
    },
    /// A tensor's element type cannot be used.
    #[error("\"{name}\" has element type {dtype}, which cannot be read here; convert it to f32, f16 or bf16")]
    UnsupportedDtype {
        /// The tensor's name.
        name: String,
        /// The type as the file spells it.
        dtype: String,
    },
    /// A file is cut short or is not what its name says.
    #[error("{file} is damaged or of another type: {reason}")]
    CorruptFile {
        /// The file.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// A pickle refers to code; nothing of it was executed.
    #[error(
        "{file} asks to call \"{callable}\", which is no part of a plain checkpoint; nothing was executed. Do not trust this file"
    )]
    UnsafePickle {
        /// The file.
        file: String,
        /// `module.name` of the callable.
        callable: String,
    },
    /// A file's hash differs from the index.
    #[error("{file} has sha256 {got}, the index says {expected}; download it again")]
    HashMismatch {
        /// The file.
        file: String,
        /// Hash in the index.
        expected: String,
        /// Hash of what was read.
        got: String,
    },
    /// An adapter belongs to another model than the one it is to be put on.
    #[error(
        "{adapter} was trained on another base model ({base}, fingerprint {expected}; this one has {got}); use the model it was trained on, or override the check if you know that it fits"
    )]
    WrongBase {
        /// The adapter.
        adapter: String,
        /// The model it names.
        base: String,
        /// That model's fingerprint.
        expected: String,
        /// The fingerprint of the model at hand.
        got: String,
    },
    /// A caption has no text (left after cleaning).
    #[error("caption {index} is empty; write what happens in the clip")]
    EmptyCaption {
        /// 0-based position in the list of captions.
        index: usize,
    },
    /// A clip has no frame that could be used.
    #[error("{clip} has no frames: {reason}")]
    NoFrames {
        /// File, folder or "clip".
        clip: String,
        /// Why none was found.
        reason: String,
    },
    /// A video could not be decoded.
    #[error("cannot decode {file}: {reason}")]
    Decode {
        /// The file.
        file: String,
        /// The decoder's reason.
        reason: String,
    },
    /// A program that is needed is not installed.
    #[error("the program \"{program}\" is not on this machine: {advice}")]
    MissingProgram {
        /// Its name.
        program: &'static str,
        /// How to get it.
        advice: &'static str,
    },
    /// The wanted compute device cannot be used.
    #[error("device \"{device}\" is not available: {reason}")]
    DeviceUnavailable {
        /// `cpu`, `webgpu`, `cuda:N`.
        device: String,
        /// Why, and what to use instead.
        reason: String,
    },
    /// The GPU was reset or taken away.
    #[error("the GPU device was lost ({reason}); create the engine again, its weights come from the cache")]
    DeviceLost {
        /// The driver's reason.
        reason: String,
    },
    /// The device has not enough memory.
    #[error(
        "the device cannot allocate {wanted} bytes (limit {limit}); use fewer frames or captions at once, or device \"cpu\""
    )]
    OutOfMemory {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes possible, 0 when unknown.
        limit: u64,
    },
    /// A computation on the device failed.
    #[error("the device failed while computing: {reason}")]
    Compute {
        /// The backend's reason.
        reason: String,
    },
    /// The device computes wrong numbers.
    #[error(
        "device \"{device}\" fails the self-test ({check}): off by {difference:.2e}, allowed {tolerance:.0e}. Its driver computes wrong numbers; use device \"cpu\" or another browser or driver"
    )]
    SelfTest {
        /// The device.
        device: String,
        /// Which comparison failed.
        check: String,
        /// Largest difference found (NaN when not finite).
        difference: f64,
        /// Largest difference allowed.
        tolerance: f64,
    },
    /// An argument makes no sense; the message says which and why.
    #[error("{what}: {reason}")]
    InvalidInput {
        /// The argument.
        what: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A run cannot be gone on with: it began with other settings or data.
    #[error(
        "{folder} holds a run that differs: {list}; go on with its own settings and data, or name another folder",
        list = .differences.join("; ")
    )]
    DifferentRun {
        /// The run's folder.
        folder: String,
        /// Each setting and data hash that differs, with both values.
        differences: Vec<String>,
    },
    /// A clip of the training data cannot be read, and the settings say that this ends the run.
    #[error(
        "training data: {reason}; put it right, or leave such videos out with data.bad_video = \"skip\". A run that was under way goes on with --resume"
    )]
    BadClip {
        /// Which, and why.
        reason: String,
    },
    /// A feature that this build does not have.
    #[error("{what} is not part of this build: {advice}")]
    NotBuilt {
        /// The feature.
        what: String,
        /// How to get it.
        advice: String,
    },
    /// The model has no scene-graph tokens, so there are no triplets to read.
    #[error(
        "this {model_type} model has no scene-graph tokens to read triplets from; open an SGCR-Vid model (config.json: scene_tokens.variant \"literal\" or \"block\")"
    )]
    NoSceneTokens {
        /// The encoder pair, as `config.json` names it.
        model_type: String,
    },
    /// The user asked to stop.
    #[error("stopped on request")]
    Aborted,
}

impl Error {
    /// Stable machine-readable code; part of the public interface of the command line (`--json`) and the page.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Fetch { .. } => "fetch",
            Self::MissingFile { .. } => "missing-file",
            Self::InvalidJson { .. } => "invalid-json",
            Self::InvalidRow { .. } => "invalid-row",
            Self::NotForTraining { .. } => "not-for-training",
            Self::InvalidConfig { .. } => "invalid-config",
            Self::InvalidSetting { .. } => "invalid-setting",
            Self::UnknownName { .. } => "unknown-name",
            Self::MissingTensor { .. } => "missing-tensor",
            Self::UnexpectedTensor { .. } => "unexpected-tensor",
            Self::ShapeMismatch { .. } => "shape-mismatch",
            Self::NonFinite { .. } => "non-finite",
            Self::UnsupportedDtype { .. } => "unsupported-dtype",
            Self::CorruptFile { .. } => "corrupt-file",
            Self::UnsafePickle { .. } => "unsafe-pickle",
            Self::HashMismatch { .. } => "hash-mismatch",
            Self::WrongBase { .. } => "wrong-base",
            Self::EmptyCaption { .. } => "empty-caption",
            Self::NoFrames { .. } => "no-frames",
            Self::Decode { .. } => "decode",
            Self::MissingProgram { .. } => "missing-program",
            Self::DeviceUnavailable { .. } => "device-unavailable",
            Self::DeviceLost { .. } => "device-lost",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::Compute { .. } => "compute",
            Self::SelfTest { .. } => "self-test",
            Self::InvalidInput { .. } => "invalid-input",
            Self::DifferentRun { .. } => "different-run",
            Self::BadClip { .. } => "bad-clip",
            Self::NotBuilt { .. } => "not-built",
            Self::NoSceneTokens { .. } => "no-scene-tokens",
            Self::Aborted => "aborted",
        }
    }

    /// For `map_err` on file operations.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err` on JSON parsing; keeps line and column.
    pub fn json(file: impl Into<String>) -> impl FnOnce(serde_json::Error) -> Self {
        let file = file.into();
        move |error| Self::InvalidJson { file, line: error.line(), column: error.column(), reason: error.to_string() }
    }
}
