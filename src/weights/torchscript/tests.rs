//! Real archives of PyTorch's (tests/fixtures/clip_torchscript) and hostile ones, written here.

use crate::error::Error;
use crate::weights::{Checkpoint, Layout, TensorSource};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures/clip_torchscript").join(name)
}

/// The entries of an archive, in its order.
fn entries(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let count = zip.len();
    let read = |at| {
        let mut entry = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.name().unwrap().to_string(), bytes)
    };
    (0..count).map(read).collect()
}

fn write(entries: &[(String, Vec<u8>)], path: &Path) {
    let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in entries {
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// Opens an archive of this pickle and one storage of `numbers` floats, and reads all its tensors.
fn open(pickle: &[u8], numbers: usize) -> Result<Vec<(String, Vec<f32>)>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.pt");
    let storage = (0..numbers).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let entry = |name: &str, bytes: Vec<u8>| (format!("m/{name}"), bytes);
    let constants = b"\x80\x02).".to_vec();
    write(&[entry("data.pkl", pickle.to_vec()), entry("constants.pkl", constants), entry("data/0", storage)], &path);
    let file = Checkpoint::open_part(&path)?;
    file.tensors().keys().map(|name| Ok((name.clone(), file.read(name)?.values))).collect()
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn int(number: i64) -> Vec<u8> {
    [&[0x8a, 8][..], &number.to_le_bytes()].concat()
}

fn tuple(values: &[i64]) -> Vec<u8> {
    [b"(".to_vec(), values.iter().flat_map(|value| int(*value)).collect(), b"t".to_vec()].concat()
}

/// A tensor in storage `key` of `count` floats.
fn tensor_in(key: &str, count: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let storage = [b"(".to_vec(), text("storage"), b"ctorch\nFloatStorage\n".to_vec(), text(key), text("cpu"), int(count)];
    let rest = [b"tQ".to_vec(), int(offset), tuple(shape), tuple(strides), b"\x89ccollections\nOrderedDict\n)RtR".to_vec()];
    [b"ctorch._utils\n_rebuild_tensor_v2\n(".to_vec(), storage.concat(), rest.concat()].concat()
}

fn tensor(count: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    tensor_in("0", count, offset, shape, strides)
}

/// A module with these attributes.
fn module(attributes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let pairs: Vec<u8> = attributes.iter().flat_map(|(name, value)| [text(name), value.clone()].concat()).collect();
    [b"c__torch__.m\nM\n)\x81}(".to_vec(), pairs, b"ub".to_vec()].concat()
}

fn pickle(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02", value, b"."].concat()
}

#[track_caller]
fn refused(value: &[u8], numbers: usize, words: &str) {
    let error = open(&pickle(value), numbers).unwrap_err();
    assert_eq!(error.code(), "corrupt-file", "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn archives_of_pytorch_hold_the_state_dict_s_tensors() {
    for (script, plain) in
        [("scripted_f32.pt", "state_dict_f32.safetensors"), ("traced_f16.pt", "state_dict_f16.safetensors")]
    {
        let (script, plain) = (fixture(script), fixture(plain));
        let (all, expected) = (Checkpoint::open_part(&script).unwrap(), Checkpoint::open_part(&plain).unwrap());
        assert_eq!(all.tensors(), expected.tensors());
        assert_eq!(all.tensors().len(), 65);
        for name in expected.tensors().keys() {
            assert_eq!(all.read(name).unwrap(), expected.read(name).unwrap(), "{name}");
        }
        let file = Checkpoint::open(&script).unwrap();
        assert_eq!(file.layout(), Some(Layout::Clip));
        assert_eq!(file.left_out(), ["context_length", "visual.input_resolution", "vocab_size"]);
        assert_eq!(file.read("absent").unwrap_err().code(), "missing-tensor");
    }
}

#[test]
fn views_of_a_storage_are_gathered() {
    let value = module(&[
        ("whole", tensor(6, 0, &[2, 3], &[3, 1])),
        ("t", tensor(6, 0, &[3, 2], &[1, 3])),
        ("tail", tensor(6, 4, &[2], &[1])),
        ("odd", tensor(6, 1, &[1, 3], &[i64::MAX, 2])),
        ("one", tensor(6, 5, &[], &[])),
        ("none", tensor(6, 9, &[0, 3], &[3, 1])),
        ("again", tensor(6, 2, &[2, 2], &[0, 1])),
        ("training", b"\x88".to_vec()),
        ("sizes", b"ctorch.jit._pickle\nbuild_intlist\n(](K\x01K\x02etR".to_vec()),
        ("inner", module(&[("w", tensor(6, 3, &[1], &[1])), ("empty", module(&[]))])),
    ]);
    let got = open(&pickle(&value), 6).unwrap();
    let expected: &[(&str, &[f32])] = &[
        ("again", &[2.0, 3.0, 2.0, 3.0]),
        ("inner.w", &[3.0]),
        ("none", &[]),
        ("odd", &[1.0, 3.0, 5.0]),
        ("one", &[5.0]),
        ("t", &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
        ("tail", &[4.0, 5.0]),
        ("whole", &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    ];
    assert_eq!(got, expected.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect::<Vec<_>>());
}

#[test]
fn a_pickle_that_calls_anything_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let owned = folder.path().join("owned");
    let call = [b"cos\nsystem\n(".to_vec(), text(&format!("touch {}", owned.display())), b"tR".to_vec()].concat();
    for value in [module(&[("w", tensor(1, 0, &[], &[])), ("x", call.clone())]), call] {
        let error = open(&pickle(&value), 1).unwrap_err();
        assert!(matches!(&error, Error::UnsafePickle { callable, .. } if callable == "os.system"), "{error}");
    }
    // The same in an archive of PyTorch's.
    let mut parts = entries(&fixture("traced_f16.pt"));
    let (_, data) = parts.iter_mut().find(|(name, _)| name.ends_with("/data.pkl")).unwrap();
    data.splice(2..2, b"cposix\nsystem\nX\x02\x00\x00\x00ls\x85R0".iter().copied());
    let path = folder.path().join("x.pt");
    write(&parts, &path);
    let error = Checkpoint::open(&path).err().unwrap();
    assert!(matches!(&error, Error::UnsafePickle { callable, .. } if callable == "posix.system"), "{error}");
    assert!(!owned.exists());
}

#[test]
fn tensors_that_leave_their_storage_are_refused() {
    let leave = |tensor: Vec<u8>| refused(&module(&[("w", tensor)]), 6, "leaves its storage");
    leave(tensor(6, 0, &[7], &[1]));
    leave(tensor(6, 6, &[], &[]));
    leave(tensor(6, 0, &[2, 3], &[4, 1]));
    leave(tensor(6, i64::MAX, &[2], &[i64::MAX]));
    leave(tensor(6, 0, &[3], &[i64::MAX]));
    let refuse = |tensor: Vec<u8>, words: &str| refused(&module(&[("w", tensor)]), 6, words);
    refuse(tensor(7, 0, &[7], &[1]), "cut short");
    refuse(tensor_in("1", 6, 0, &[6], &[1]), "no entry data/1");
    refuse(tensor_in("../data.pkl", 6, 0, &[6], &[1]), "no entry");
    refuse(tensor(i64::MAX, 0, &[1], &[1]), "said to have");
    refuse(tensor(-1, 0, &[1], &[1]), "said to have");
    refuse(tensor(6, -1, &[1], &[1]), "extent of -1");
    refuse(tensor(6, 0, &[-2], &[1]), "extent of -2");
    refuse(tensor(6, 0, &[2], &[-1]), "extent of -1");
    refuse(tensor(6, 0, &[1 << 40, 1 << 40], &[0, 0]), "fits no memory");
    refuse(tensor(6, 0, &[1 << 40], &[0]), "unpacks");
    refuse(tensor(6, 0, &[2], &[1, 1]), "strides");
    refuse(tensor(6, 0, &[1; 65], &[1; 65]), "dimensions");
}

#[test]
fn modules_that_hold_themselves_or_too_much_are_refused() {
    // The object is kept before it is built and then put into itself.
    refused(b"c__torch__.m\nM\n)\x81q\x00}(X\x01\x00\x00\x00xh\x00ub", 1, "hold themselves");
    let chain = |depth| (0..depth).fold(module(&[("w", tensor(1, 0, &[], &[]))]), |inner, _| module(&[("m", inner)]));
    assert_eq!(open(&pickle(&chain(60)), 1).unwrap().len(), 1);
    refused(&chain(100), 1, "nest deeper");
    // Every level holds the one below twice: 2^40 paths.
    let double = (0_u8..40).fold(module(&[("w", tensor(1, 0, &[], &[]))]), |inner, level| {
        let keep = [&inner[..], b"q", &[level]].concat();
        module(&[("a", keep), ("b", vec![b'h', level])])
    });
    refused(&double, 1, "more than");
    refused(&[vec![b')'], vec![0x85; 900_000]].concat(), 1, "no TorchScript module");
    refused(&vec![b')'; 2_000_000], 1, "has more than");
    refused(&module(&[(&"x".repeat(2000), tensor(1, 0, &[], &[]))]), 1, "attribute path");
    let twice = [("a.b", tensor(1, 0, &[], &[])), ("a", module(&[("b", tensor(1, 0, &[], &[]))]))];
    refused(&module(&twice), 1, "twice");
}

#[test]
fn pickles_that_are_no_module_s_are_refused() {
    for (value, words) in [
        (&b"}"[..], "no TorchScript module"),
        (b"N", "no TorchScript module"),
        (b"", "not there"),
        (b"R", "not there"),
        (b"t", "not there"),
        (b"(\x85", "not there"),
        (b"h\x07", "never kept"),
        (b"N(NNu", "no dict"),
        (b"}(Nu", "key without"),
        (b"ccollections\nOrderedDict\n)\x81", "no TorchScript class"),
        (b"NQ", "tuple"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R", "too few"),
        (b"c__torch__.m\nM\n)\x81}b}b", "twice"),
        (b"I7\n", "never writes"),
    ] {
        refused(value, 1, words);
    }
}

#[test]
fn an_archive_cut_anywhere_is_an_error() {
    let whole = std::fs::read(fixture("traced_f16.pt")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pt");
    for keep in [5, 100, 1000, whole.len() / 2, whole.len() - 1000, whole.len() - 1] {
        std::fs::write(&path, &whole[..keep]).unwrap();
        let error = Checkpoint::open(&path).err().unwrap();
        assert_eq!(error.code(), "corrupt-file", "{keep}: {error}");
    }
    let mut parts = entries(&fixture("traced_f16.pt"));
    parts.iter_mut().find(|(name, _)| name.ends_with("/byteorder")).unwrap().1 = b"big".to_vec();
    write(&parts, &path);
    assert!(Checkpoint::open(&path).err().unwrap().to_string().contains("little-endian"));
}

#[test]
fn a_flipped_number_is_found_by_its_checksum() {
    let mut whole = std::fs::read(fixture("scripted_f32.pt")).unwrap();
    let parts = entries(&fixture("scripted_f32.pt"));
    let (_, numbers) = parts.iter().filter(|(name, _)| name.contains("/data/")).max_by_key(|part| part.1.len()).unwrap();
    let at = whole.windows(numbers.len()).position(|window| window == numbers).unwrap();
    whole[at] ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flipped.pt");
    std::fs::write(&path, whole).unwrap();
    let file = Checkpoint::open(&path).unwrap();
    let errors: Vec<_> = file.tensors().keys().filter_map(|name| file.read(name).err()).collect();
    assert!(matches!(errors.as_slice(), [Error::CorruptFile { .. }]), "{errors:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_changed_pickle_is_read_or_refused(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let value = module(&[
            ("t", tensor(6, 0, &[3, 2], &[1, 3])),
            ("inner", module(&[("w", tensor(6, 3, &[2], &[2])), ("training", b"\x88".to_vec())])),
        ]);
        let mut bytes = pickle(&value);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Err(error) = open(&bytes, 6) {
            let code = error.code();
            prop_assert!(["corrupt-file", "unsafe-pickle", "unsupported-dtype", "non-finite"].contains(&code), "{error}");
        }
    }
}
