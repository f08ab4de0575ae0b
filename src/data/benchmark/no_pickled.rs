//! The page's stand-in for pickles, which only native programs read.

use crate::error::{Error, Result};

/// Refuses.
///
/// # Errors
/// [`Error::NotBuilt`].
pub fn captions(_bytes: &[u8], file: &str) -> Result<Vec<(String, String)>> {
    let advice =
        "use the native program (sgcr eval msvd), or the benchmark's JSON file (msvd_ret_test.json)".to_owned();
    Err(Error::NotBuilt { what: format!("reading the pickle {file}"), advice })
}
