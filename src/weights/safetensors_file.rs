//! The safetensors container: an 8-byte length, a JSON header, the tensors back to back.

use super::element::element_size;
use super::tensor::TensorInfo;
use crate::error::{Error, Result};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::collections::BTreeMap;

/// Bytes before the JSON header.
pub(crate) const LENGTH_BYTES: u64 = 8;

/// Longest header the format allows.
const HEADER_LIMIT: u64 = 100_000_000;

/// A file's tensors, in the order in which they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where the first tensor begins.
    pub data_begin: u64,
    /// Name, what it is, and its bytes counted from `data_begin`.
    pub tensors: Vec<(String, TensorInfo, u64)>,
    /// The header's `__metadata__`.
    pub metadata: BTreeMap<String, String>,
}

/// Length of the JSON header out of the first eight bytes.
///
/// # Errors
/// [`Error::CorruptFile`] where it goes past the end of the file.
pub(crate) fn header_length(first: [u8; 8], size: u64, file: &str) -> Result<u64> {
    let length = u64::from_le_bytes(first);
    if length > HEADER_LIMIT || LENGTH_BYTES + length > size {
        let reason = format!("its header would be {length} bytes long, the file has {size}; it is no safetensors file");
        return Err(Error::CorruptFile { file: file.to_owned(), reason });
    }
    Ok(length)
}

/// Reads the JSON header of a file of `size` bytes.
///
/// # Errors
/// [`Error::CorruptFile`] where it is no such header, or the tensors do not fill the file exactly;
/// [`Error::UnsupportedDtype`].
pub(crate) fn parse_header(json: &[u8], size: u64, file: &str) -> Result<Header> {
    let corrupt = |reason: String| Error::CorruptFile { file: file.to_owned(), reason };
    let header: Metadata =
        serde_json::from_slice(json).map_err(|e| corrupt(format!("its safetensors header does not parse: {e}")))?;
    let data_begin = LENGTH_BYTES + json.len() as u64;
    let end = data_begin + header.data_len() as u64;
    if end != size {
        return Err(corrupt(format!("its tensors end at byte {end}, the file has {size}; it is cut short or padded")));
    }
    let mut tensors = Vec::new();
    for name in header.offset_keys() {
        if let Some(info) = header.info(&name) {
            element_size(&name, info.dtype)?;
            let about = TensorInfo { shape: info.shape.clone(), dtype: info.dtype };
            tensors.push((name, about, info.data_offsets.0 as u64));
        }
    }
    // An empty tensor begins where its neighbour does; only the order of what holds bytes matters.
    tensors.sort_by_key(|(_, _, begin)| *begin);
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok(Header { data_begin, tensors, metadata })
}

/// Length and JSON header of a file with these tensors, all of one type, in this order.
///
/// # Errors
/// [`Error::InvalidInput`] where sizes overflow.
pub(crate) fn write_header(tensors: &[(&str, &[usize])], dtype: Dtype, metadata: &[(&str, String)]) -> Result<Vec<u8>> {
    let mut begin = 0;
    let mut infos = Vec::new();
    for (name, shape) in tensors {
        let end = begin + shape.iter().product::<usize>() * element_size(name, dtype)?;
        let info = safetensors::tensor::TensorInfo { dtype, shape: shape.to_vec(), data_offsets: (begin, end) };
        infos.push(((*name).to_owned(), info));
        begin = end;
    }
    let refused = |reason: String| Error::InvalidInput { what: "tensors to write".to_owned(), reason };
    let header = Metadata::new(None, infos).map_err(|e| refused(e.to_string()))?;
    let tensors_json = serde_json::to_vec(&header).map_err(|e| refused(e.to_string()))?;
    // Put in by hand: the format's crate would write it in another order each time.
    let metadata: BTreeMap<_, _> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let metadata = serde_json::to_string(&metadata).map_err(|e| refused(e.to_string()))?;
    let mut json = format!("{{\"__metadata__\":{metadata}").into_bytes();
    if !tensors.is_empty() {
        json.push(b',');
    }
    json.extend_from_slice(&tensors_json[1..]);
    // The format pads with spaces, so that the tensors are aligned.
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_the_format_s_own_crate_and_by_us() {
        let about = [("format", "pt".to_owned()), ("a \"quoted\" key", "1".to_owned())];
        let mut file = write_header(&[("b", &[2]), ("a", &[])], Dtype::F32, &about).unwrap();
        let header = file.clone();
        file.extend([1.0f32, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()));
        let theirs = safetensors::SafeTensors::deserialize(&file).unwrap();
        assert_eq!(theirs.tensor("a").unwrap().data(), 3.0f32.to_le_bytes());
        assert_eq!(header.len() % 8, 0);
        let ours = parse_header(&header[8..], file.len() as u64, "x").unwrap();
        assert_eq!(ours.tensors[1].0, "a");
        assert_eq!(ours.tensors[1].2, 8);
        assert_eq!(ours.metadata["format"], "pt");
        assert_eq!(ours.metadata["a \"quoted\" key"], "1");
        for (tensors, data) in [(&[][..], &[][..]), (&[("a", &[1][..])][..], &[0; 4][..])] {
            let file = [&write_header(tensors, Dtype::F32, &[]).unwrap()[..], data].concat();
            assert_eq!(safetensors::SafeTensors::deserialize(&file).unwrap().len(), tensors.len());
        }
    }

    #[test]
    fn damage_is_told() {
        let header = write_header(&[("a", &[4])], Dtype::F32, &[]).unwrap();
        let size = header.len() as u64 + 16;
        assert!(parse_header(&header[8..], size, "x").is_ok());
        assert_eq!(parse_header(&header[8..], size - 1, "x").unwrap_err().code(), "corrupt-file");
        assert_eq!(parse_header(b"{nonsense", size, "x").unwrap_err().code(), "corrupt-file");
        assert_eq!(header_length([0xff; 8], 100, "x").unwrap_err().code(), "corrupt-file");
        assert_eq!(header_length([93, 0, 0, 0, 0, 0, 0, 0], 100, "x").unwrap_err().code(), "corrupt-file");
    }
}
