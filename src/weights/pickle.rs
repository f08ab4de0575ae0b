//! What a pickle would call, found by reading it; nothing in it is ever executed, here or later. A plain state dict names
//! a handful of callables; a file that names any other is not opened at all, because it was made to do something else.

use super::pickle_opcodes::{Opcodes, little_endian};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::rc::Rc;

/// What checkpoints name: the first column is the module, the second its members. Beyond tensors these are containers
/// of settings that training scripts save beside them; they hold data and are skipped.
const KNOWN: &[(&str, &[&str])] = &[
    ("collections", &["OrderedDict", "defaultdict"]),
    ("torch._utils", &["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state"]),
    (
        "torch",
        &[
            "FloatStorage",
            "HalfStorage",
            "BFloat16Storage",
            "DoubleStorage",
            "LongStorage",
            "IntStorage",
            "ShortStorage",
            "CharStorage",
            "ByteStorage",
            "BoolStorage",
            "Size",
            "device",
            "float32",
            "float16",
            "bfloat16",
            "float64",
            "int64",
            "int32",
            "int16",
            "int8",
            "uint8",
            "bool",
        ],
    ),
    ("torch.storage", &["UntypedStorage", "TypedStorage"]),
    ("torch.nn.parameter", &["Parameter"]),
    ("argparse", &["Namespace"]),
    ("yacs.config", &["CfgNode"]),
    ("numpy", &["dtype"]),
    ("numpy.core.multiarray", &["scalar"]),
    ("numpy._core.multiarray", &["scalar"]),
    ("_codecs", &["encode"]),
    ("builtins", &["set", "frozenset", "int", "float", "bool", "str", "bytes", "bytearray", "list", "dict", "tuple"]),
    ("__builtin__", &["set", "frozenset", "int", "float", "bool", "str", "list", "dict", "tuple", "long", "unicode"]),
];

/// What TorchScript names beside these, for attributes that are lists.
const SCRIPT_KNOWN: &[(&str, &[&str])] = &[(
    "torch.jit._pickle",
    &["build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag"],
)];

/// What kind of pickle is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// A state dict.
    Checkpoint,
    /// A TorchScript module: its objects name classes whose code lies in the archive, where it is left unread.
    TorchScript,
}

impl Names {
    fn allow(self, module: &str, name: &str) -> bool {
        let listed = |(known, names): &(&str, &[&str])| *known == module && names.contains(&name);
        KNOWN.iter().any(listed)
            || self == Self::TorchScript && (is_script_class(module) || SCRIPT_KNOWN.iter().any(listed))
    }
}

/// Whether a module is TorchScript's own name space.
fn is_script_class(module: &str) -> bool {
    module == "__torch__" || module.starts_with("__torch__.")
}

/// One pass over a pickle.
struct Scan<'a> {
    opcodes: Opcodes<'a>,
    names: Names,
    /// The two values pushed last, where they are strings: what `STACK_GLOBAL` joins to a name.
    last: [Option<Rc<str>>; 2],
    memo: HashMap<u64, Option<Rc<str>>>,
}

/// Checks the pickle that begins at `begin`; gives the position after its end.
///
/// # Errors
/// [`Error::UnsafePickle`] naming the first callable that no such file needs, [`Error::CorruptFile`] where it is no pickle
/// or cut short.
pub(super) fn check_pickle(bytes: &[u8], begin: usize, names: Names, file: &str) -> Result<usize> {
    let opcodes = Opcodes::new(bytes, begin, file);
    let mut scan = Scan { opcodes, names, last: [None, None], memo: HashMap::new() };
    while scan.step()? {}
    Ok(scan.opcodes.at)
}

impl Scan<'_> {
    /// Reads one opcode; false at the end.
    fn step(&mut self) -> Result<bool> {
        let op = self.opcodes.next()?;
        if matches!(op.code, b'c' | b'i') {
            self.callable(&text(op.bytes), &text(op.second))?;
        }
        self.follow(op.code, op.bytes)?;
        Ok(op.code != b'.')
    }

    /// Keeps track of strings, as far as names are made of them. What is not followed (pops, copies) leaves "unknown"
    /// behind, so that a name built in a roundabout way is refused rather than missed.
    fn follow(&mut self, opcode: u8, bytes: &[u8]) -> Result<()> {
        match opcode {
            b'X' | b'U' | b'T' | b'V' | 0x8c | 0x8d => self.push(Some(text(bytes).into())),
            b'S' => self.push(Some(text(bytes).trim_matches(['\'', '"']).into())),
            b'q' | b'r' => self.keep(little_endian(bytes)),
            b'p' => self.keep(text(bytes).parse().unwrap_or(u64::MAX)),
            0x94 => self.keep(self.memo.len() as u64),
            b'h' | b'j' => self.recall(little_endian(bytes)),
            b'g' => self.recall(text(bytes).parse().unwrap_or(u64::MAX)),
            0x93 => {
                let [module, name] = std::mem::take(&mut self.last);
                let computed = || "a name that is put together while loading".into();
                self.callable(&module.unwrap_or_else(computed), &name.unwrap_or_else(computed))?;
                self.push(None);
            }
            // Extension codes stand for callables that the reader's machine has registered.
            0x82..=0x84 => self.callable("copyreg", &format!("extension {}", little_endian(bytes)))?,
            // PROTO and FRAME push nothing.
            0x80 | 0x95 => {}
            _ => self.push(None),
        }
        Ok(())
    }

    fn push(&mut self, value: Option<Rc<str>>) {
        self.last.swap(0, 1);
        self.last[1] = value;
    }

    fn keep(&mut self, slot: u64) {
        self.memo.insert(slot, self.last[1].clone());
    }

    fn recall(&mut self, slot: u64) {
        self.push(self.memo.get(&slot).cloned().flatten());
    }

    fn callable(&self, module: &str, name: &str) -> Result<()> {
        if self.names.allow(module, name) {
            return Ok(());
        }
        Err(Error::UnsafePickle { file: self.opcodes.file.to_owned(), callable: format!("{module}.{name}") })
    }
}

/// Bytes as text; what is no UTF-8 shows as such and matches no name.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\r').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(bytes: &[u8]) -> String {
        match check_pickle(bytes, 0, Names::Checkpoint, "x.pth") {
            Err(Error::UnsafePickle { callable, .. }) => callable,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_in_every_notation_are_found() {
        assert_eq!(refused(b"cos\nsystem\n(S'ls'\ntR."), "os.system");
        assert_eq!(refused(b"(S'ls'\niposix\nsystem\n."), "posix.system");
        assert_eq!(refused(b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93."), "posix.system");
        assert_eq!(refused(b"\x80\x02\x82\x07."), "copyreg.extension 7");
    }

    #[test]
    fn names_from_the_memo_and_names_made_up_are_refused() {
        // 'builtins' and 'eval' are memoized, other strings follow, then they are fetched back.
        let memo = b"\x80\x04\x8c\x08builtins\x94\x8c\x04eval\x94\x8c\x01a\x8c\x01bh\x00h\x01\x93.";
        assert_eq!(refused(memo), "builtins.eval");
        // Innocent strings on top are popped off again: which remain is not followed, so it is refused.
        let pop = b"\x80\x04\x8c\x02os\x8c\x06system\x8c\x0bcollections\x8c\x0bOrderedDict00\x93.";
        assert!(refused(pop).contains("put together"));
        assert_eq!(
            refused(b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93."),
            "collections.OrderedDict.__init__"
        );
    }

    #[test]
    fn a_plain_dictionary_passes_and_tells_its_end() {
        let pickle = b"\x80\x02ccollections\nOrderedDict\n)R.tail";
        assert_eq!(check_pickle(pickle, 0, Names::Checkpoint, "x").unwrap(), pickle.len() - 4);
    }

    #[test]
    fn classes_of_torchscript_are_known_in_torchscript_only() {
        for (pickle, known) in [
            (&b"c__torch__.clip.model\nCLIP\n."[..], true),
            (b"c__torch__\nCLIP\n.", true),
            (b"c__torch__x\nCLIP\n.", false),
            (b"ctorch.jit._pickle\nbuild_intlist\n.", true),
            (b"ctorch.jit._pickle\nother\n.", false),
            (b"cos\nsystem\n.", false),
        ] {
            assert_eq!(check_pickle(pickle, 0, Names::TorchScript, "x").is_ok(), known);
            assert!(check_pickle(pickle, 0, Names::Checkpoint, "x").is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check_pickle(&bytes, 0, Names::TorchScript, "x");
        }
    }
}
