//! Parameters that cost nothing until they are used or loaded, and their names.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Shape, Tensor};

/// A parameter of `shape` that is allocated (as zeros) only if it is read before a checkpoint or a draw fills it.
#[must_use]
pub fn lazy<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::uninitialized(
        ParamId::new(),
        move |device, require_grad| {
            let zeros = Tensor::zeros(shape, device);
            if require_grad { zeros.require_grad() } else { zeros }
        },
        device.clone(),
        true,
        Shape::from(shape),
    )
}

/// Where a traversal of a module is: call it from `enter_module` and `exit_module` of a `ModuleVisitor` or
/// `ModuleMapper`. Names of enum variants are left out, so that [`ParamPath::key`] is the checkpoint key.
#[derive(Debug, Default)]
pub struct ParamPath {
    names: Vec<String>,
}

impl ParamPath {
    /// To be called first in `enter_module`.
    pub fn enter(&mut self, name: &str, container_type: &str) {
        if !container_type.starts_with("Enum:") {
            self.names.push(name.to_owned());
        }
    }

    /// To be called in `exit_module`.
    pub fn exit(&mut self, container_type: &str) {
        if !container_type.starts_with("Enum:") {
            self.names.pop();
        }
    }

    /// The key of the parameter that is visited now.
    #[must_use]
    pub fn key(&self) -> String {
        self.names.join(".")
    }
}
