//! Element types of stored tensors, and their way to f32 and back.

use crate::error::{Error, Result};
use half::{bf16, f16};
use safetensors::Dtype;

/// Largest finite f16.
const F16_MAX: f32 = 65504.0;

/// Element type that a model folder is written in. (What can be read is more.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoredType {
    /// 32-bit floats: exact.
    #[default]
    F32,
    /// 16-bit floats: half the size, half a unit in the 11th binary place of rounding.
    F16,
}

impl StoredType {
    /// As safetensors names it.
    #[must_use]
    pub const fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
        }
    }

    /// Little-endian bytes of `values`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where a value is beyond f16's range.
    pub fn encode(self, name: &str, values: &[f32]) -> Result<Vec<u8>> {
        match self {
            Self::F32 => Ok(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Self::F16 => {
                if let Some(value) = values.iter().find(|v| v.abs() > F16_MAX) {
                    let reason = format!("it holds {value}, f16 ends at {F16_MAX}; write this model as f32");
                    return Err(Error::InvalidInput { what: format!("tensor \"{name}\""), reason });
                }
                Ok(values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect())
            }
        }
    }
}

impl std::str::FromStr for StoredType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            _ => Err(Error::UnknownName { kind: "stored type", name: name.to_owned(), known: "f32, f16".to_owned() }),
        }
    }
}

/// Bytes of one element.
///
/// # Errors
/// [`Error::UnsupportedDtype`] for types that are no plain numbers here (complex, 8-bit and smaller floats).
pub(crate) fn element_size(name: &str, dtype: Dtype) -> Result<usize> {
    match dtype {
        Dtype::BOOL | Dtype::U8 | Dtype::I8 => Ok(1),
        Dtype::F16 | Dtype::BF16 | Dtype::I16 | Dtype::U16 => Ok(2),
        Dtype::F32 | Dtype::I32 | Dtype::U32 => Ok(4),
        Dtype::F64 | Dtype::I64 | Dtype::U64 => Ok(8),
        _ => Err(Error::UnsupportedDtype { name: name.to_owned(), dtype: dtype.to_string() }),
    }
}

/// Appends little-endian elements to `values` as f32; `bytes` holds whole elements. f64 is rounded, integers beyond 2^24
/// too: neither occurs in the models read here.
///
/// # Errors
/// [`Error::UnsupportedDtype`].
pub(crate) fn append_f32(name: &str, dtype: Dtype, bytes: &[u8], values: &mut Vec<f32>) -> Result<()> {
    fn each<const N: usize>(bytes: &[u8], values: &mut Vec<f32>, number: impl Fn([u8; N]) -> f32) {
        values.extend(bytes.as_chunks::<N>().0.iter().map(|element| number(*element)));
    }
    match dtype {
        Dtype::F32 => each(bytes, values, f32::from_le_bytes),
        Dtype::F16 => each(bytes, values, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => each(bytes, values, |b| bf16::from_le_bytes(b).to_f32()),
        Dtype::F64 => each(bytes, values, |b| f64::from_le_bytes(b) as f32),
        Dtype::I64 => each(bytes, values, |b| i64::from_le_bytes(b) as f32),
        Dtype::U64 => each(bytes, values, |b| u64::from_le_bytes(b) as f32),
        Dtype::I32 => each(bytes, values, |b| i32::from_le_bytes(b) as f32),
        Dtype::U32 => each(bytes, values, |b| u32::from_le_bytes(b) as f32),
        Dtype::I16 => each(bytes, values, |b| f32::from(i16::from_le_bytes(b))),
        Dtype::U16 => each(bytes, values, |b| f32::from(u16::from_le_bytes(b))),
        Dtype::I8 => each(bytes, values, |b| f32::from(i8::from_le_bytes(b))),
        Dtype::U8 | Dtype::BOOL => each(bytes, values, |[b]| f32::from(b)),
        _ => return Err(Error::UnsupportedDtype { name: name.to_owned(), dtype: dtype.to_string() }),
    }
    Ok(())
}

/// Refuses NaN and infinity.
///
/// # Errors
/// [`Error::NonFinite`] with the first one's index.
pub(crate) fn check_finite(name: &str, values: &[f32]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Error::NonFinite { name: name.to_owned(), index }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
        let mut values = Vec::new();
        append_f32("t", dtype, bytes, &mut values).unwrap();
        values
    }

    #[test]
    fn every_readable_type_gives_its_numbers() {
        assert_eq!(decode(Dtype::F64, &(-2.5f64).to_le_bytes()), [-2.5]);
        assert_eq!(decode(Dtype::BF16, &[0x80, 0x3f, 0x40, 0xc0]), [1.0, -3.0]);
        assert_eq!(decode(Dtype::I64, &(-7i64).to_le_bytes()), [-7.0]);
        assert_eq!(decode(Dtype::U16, &[0xff, 0xff]), [65535.0]);
        assert_eq!(decode(Dtype::I8, &[0xff, 2]), [-1.0, 2.0]);
        assert_eq!(decode(Dtype::BOOL, &[0, 1]), [0.0, 1.0]);
        assert_eq!(append_f32("t", Dtype::C64, &[0; 8], &mut Vec::new()).unwrap_err().code(), "unsupported-dtype");
    }

    #[test]
    fn an_f64_beyond_f32_is_caught_as_infinite() {
        let values = decode(Dtype::F64, &1e300f64.to_le_bytes());
        assert!(matches!(check_finite("t", &values), Err(Error::NonFinite { index: 0, .. })));
    }

    #[test]
    fn f16_refuses_what_it_cannot_hold() {
        assert_eq!(StoredType::F16.encode("t", &[1.0, -70000.0]).unwrap_err().code(), "invalid-input");
        assert!(StoredType::F16.encode("t", &[65504.0]).is_ok());
    }

    proptest! {
        #[test]
        fn f32_is_exact_and_f16_within_half_a_unit(value in -60000.0f32..60000.0) {
            let exact = StoredType::F32.encode("t", &[value]).unwrap();
            prop_assert_eq!(decode(Dtype::F32, &exact), [value]);
            let half = decode(Dtype::F16, &StoredType::F16.encode("t", &[value]).unwrap())[0];
            // f16 has 11 significant bits: a unit is 2^(e-10), and 2^-24 below 2^-14.
            let exponent = f64::from(value.abs()).log2().floor().max(-14.0);
            prop_assert!(f64::from((half - value).abs()) <= 0.5 * (exponent - 10.0).exp2(), "{} -> {}", value, half);
        }
    }
}
