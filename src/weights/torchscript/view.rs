//! A tensor as a view of a storage: offset, shape and strides, all in elements.

use super::super::tensor::TensorInfo;
use safetensors::Dtype;
use std::ops::Range;
use std::sync::Arc;

/// Most dimensions that PyTorch itself allows.
pub(super) const RANK_LIMIT: usize = 64;

/// A run of numbers in the archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Storage {
    /// Its entry's name below `data/`.
    pub key: String,
    /// Type of its elements.
    pub dtype: Dtype,
    /// How many they are; their bytes fit an `isize`.
    elements: usize,
}

impl Storage {
    /// `None` where so many elements fit no memory.
    pub fn new(key: String, dtype: Dtype, elements: usize) -> Option<Self> {
        let bytes = elements.checked_mul(dtype.bitsize() / 8)?;
        isize::try_from(bytes).ok().map(|_| Self { key, dtype, elements })
    }

    /// Bytes of all elements.
    pub fn bytes(&self) -> u64 {
        (self.elements * self.element()) as u64
    }

    /// Bytes of an element.
    fn element(&self) -> usize {
        self.dtype.bitsize() / 8
    }
}

/// A tensor's place in a storage; every element lies within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    storage: Arc<Storage>,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
    /// One after the last element that it touches.
    end: usize,
}

impl View {
    /// The reason where an element would lie outside of the storage or the extents fit no memory.
    pub fn new(
        storage: Arc<Storage>,
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
    ) -> Result<Self, String> {
        if shape.len() != strides.len() || shape.len() > RANK_LIMIT {
            return Err(format!("a tensor has {} extents and {} strides", shape.len(), strides.len()));
        }
        let count = shape.iter().try_fold(1_usize, |count, extent| count.checked_mul(*extent));
        let bytes = count.and_then(|count| count.checked_mul(storage.element()));
        if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
            return Err(format!("a tensor of shape {shape:?} fits no memory"));
        }
        if count == Some(0) {
            // It touches nothing, wherever it is said to begin.
            return Ok(Self { storage, offset: 0, shape, strides, end: 0 });
        }
        let mut steps = shape.iter().zip(&strides).map(|(extent, stride)| (extent - 1).checked_mul(*stride));
        let last = steps.try_fold(offset, |last, step| last.checked_add(step?));
        let last = last.filter(|last| *last < storage.elements).ok_or_else(|| {
            let has = storage.elements;
            format!("a tensor of shape {shape:?}, strides {strides:?} at {offset} leaves its storage of {has} elements")
        })?;
        let end = last + 1;
        Ok(Self { storage, offset, shape, strides, end })
    }

    /// Shape and element type.
    pub fn info(&self) -> TensorInfo {
        TensorInfo { shape: self.shape.clone(), dtype: self.storage.dtype }
    }

    /// What it is a view of.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The storage's bytes from the first element that it touches to the last.
    pub fn span(&self) -> Range<u64> {
        let size = self.storage.element() as u64;
        self.offset as u64 * size..self.end as u64 * size
    }

    /// Its elements in row-major order, of the bytes of [`View::span`]; `None` without the memory for them.
    pub fn gather(&self, span: Vec<u8>) -> Option<Vec<u8>> {
        let (size, count) = (self.storage.element(), self.shape.iter().product::<usize>());
        if count == 0 {
            return Some(Vec::new());
        }
        // An extent of 1 is never stepped along, whatever its stride.
        let steps: Vec<(usize, usize)> =
            self.shape.iter().copied().zip(self.strides.iter().copied()).filter(|(extent, _)| *extent != 1).collect();
        let mut contiguous = 1;
        if steps.iter().rev().all(|(extent, stride)| {
            let row_major = *stride == contiguous;
            contiguous *= extent;
            row_major
        }) {
            return Some(span);
        }
        let mut gathered = Vec::new();
        gathered.try_reserve_exact(count * size).ok()?;
        let (mut index, mut at) = (vec![0; steps.len()], 0);
        for _ in 0..count {
            gathered.extend_from_slice(span.get(at * size..(at + 1) * size)?);
            for (i, (extent, stride)) in index.iter_mut().zip(&steps).rev() {
                *i += 1;
                at += stride;
                if *i < *extent {
                    break;
                }
                at -= stride * extent;
                *i = 0;
            }
        }
        Some(gathered)
    }
}
