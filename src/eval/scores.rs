//! Cosines on the host, the same whatever device made the embeddings.

use crate::error::{Error, Result};

/// The vector at length 1.
///
/// # Errors
/// [`Error::NonFinite`] for a vector with NaN or infinity, or of length zero.
pub fn unit(vector: &[f32]) -> Result<Vec<f32>> {
    if let Some(index) = vector.iter().position(|x| !x.is_finite()) {
        return Err(Error::NonFinite { name: "embedding".to_owned(), index });
    }
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if length == 0.0 {
        return Err(Error::NonFinite { name: "embedding (of length zero)".to_owned(), index: 0 });
    }
    Ok(vector.iter().map(|x| (f64::from(*x) / length) as f32).collect())
}

/// The product of two vectors, summed in f64 and rounded to f32: the published evaluations compare f32 scores, and two
/// captions of one meaning should tie here as there.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_products() {
        let (a, b) = (unit(&[3.0, 4.0]).unwrap(), unit(&[-4.0, 3.0]).unwrap());
        assert_eq!(a, [0.6, 0.8]);
        assert!((dot(&a, &a) - 1.0).abs() < 1e-6 && dot(&a, &b).abs() < 1e-7);
        assert_eq!(unit(&[0.0, 0.0]).unwrap_err().code(), "non-finite");
        assert_eq!(unit(&[0.0, f32::NAN]).unwrap_err().code(), "non-finite");
    }
}
