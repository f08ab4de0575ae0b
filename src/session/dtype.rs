//! Half precision: every parameter cast once after loading.

use crate::config::Dtype;
use crate::error::{Error, Result};
use crate::model::VideoTextModel;
use crate::platform::{ComputeDevice, DeviceName};
use burn::module::{Module as _, ModuleMapper, Param};
use burn::tensor::{FloatDType, Tensor};

/// burn's name of a number type.
#[must_use]
pub const fn float_type(dtype: Dtype) -> FloatDType {
    match dtype {
        Dtype::F32 => FloatDType::F32,
        Dtype::F16 => FloatDType::F16,
    }
}

/// Whether a device can compute in a number type.
///
/// # Errors
/// [`Error::DeviceUnavailable`] with what to use instead.
pub fn check_dtype(device: &ComputeDevice, dtype: Dtype) -> Result<()> {
    let usable = match dtype {
        Dtype::F32 => true,
        // The CPU would emulate it, slower than f32.
        Dtype::F16 => device.name() != DeviceName::Cpu && device.device().supports_dtype(FloatDType::F16),
    };
    if usable {
        return Ok(());
    }
    let reason = format!("it has no {dtype} arithmetic ({}); use --dtype f32", device.description());
    Err(Error::DeviceUnavailable { device: device.name().to_string(), reason })
}

/// The model with every parameter in `dtype`.
#[must_use]
pub fn cast(model: VideoTextModel, dtype: Dtype) -> VideoTextModel {
    match dtype {
        Dtype::F32 => model,
        Dtype::F16 => model.map(&mut Cast(float_type(dtype))),
    }
}

struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(self.0))
    }
}
