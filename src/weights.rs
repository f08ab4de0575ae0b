//! Weights on their way between files and the model: checkpoints as published, model folders of our own, which tensors a
//! model has and under which names.
//!
//! A *checkpoint* is what others publish (`.safetensors`, `.pth`, `.pt`, `.bin`). A *model folder* is self-contained:
//! `config.json`, `preprocessor_config.json`, `tokenizer.json` and the weights in shards with hashes, so that a page can
//! load it piece by piece. [`convert`] makes the second from the first; [`ModelFolder`] reads both.

pub mod adapter;
mod element;
mod fingerprint;
mod folder;
mod index;
mod infer;
mod internvideo2;
mod layout;
pub mod module;
mod names;
mod pickle_opcodes;
mod reference;
mod safetensors_file;
mod stream;
mod tensor;
mod transformers;

crate::source::native_only! {
    mod archive;
    mod checkpoint;
    mod convert;
    mod inspect;
    mod pickle;
    mod pytorch;
    mod torchscript;
    mod write;

    pub use checkpoint::Checkpoint;
    pub use convert::{
        ConvertOptions, ConvertReport, TokenizerFile, check_output, convert, find_config, find_tokenizer,
    };
    pub use inspect::{AdapterReport, FileReport, PairReport, InspectReport, TensorReport, inspect};
    pub use write::{ModelWriter, SHARD_BYTES, WriteReport};
}
crate::source::page_only! {
    #[path = "weights/no_checkpoint.rs"]
    mod checkpoint;
}

pub use adapter::{Adapter, AdapterBase, LowRank};
pub use element::StoredType;
pub use fingerprint::fingerprint;
pub use folder::ModelFolder;
pub use index::WeightsIndex;
pub use infer::infer_config;
pub use layout::{check_tensors, tensors_of};
pub use module::DeviceTensor;
pub use names::{Layout, NameMap};
pub(crate) use pickle_opcodes::{Op as PickleOp, Opcodes as PickleOpcodes, little_endian};
pub use reference::{REFERENCE_FILE, Reference, Verification};
pub use tensor::{HostTensor, HostTensors, TensorInfo, TensorSource};
pub use transformers::Assembly;
