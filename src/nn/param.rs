//! Parameters that cost nothing until they are used or loaded, and their names.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
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

/// Field names that stand for what Rust has no field name for, with what checkpoints call it.
const SPELLINGS: [(&str, &str); 2] = [("self_", "self"), ("layer_norm", "LayerNorm")];

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
            let spelt = SPELLINGS.iter().find(|(ours, _)| *ours == name).map_or(name, |(_, theirs)| theirs);
            self.names.push(spelt.to_owned());
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

/// Lets only those parameters train whose key `trains` says so: the others get no gradient, and none is computed for
/// them. On a plain device the choice takes effect with [`Module::train`].
#[must_use]
pub fn train_only<M: Module>(module: M, trains: impl Fn(&str) -> bool) -> M {
    module.map(&mut TrainOnly { path: ParamPath::default(), trains })
}

struct TrainOnly<F> {
    path: ParamPath,
    trains: F,
}

impl<F: Fn(&str) -> bool> ModuleMapper for TrainOnly<F> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.path.exit(container_type);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let trains = (self.trains)(&self.path.key());
        param.set_require_grad(trains)
    }
}

/// Key and shape of every parameter that gets a gradient, in the module's order. Empty on a device without gradients.
#[must_use]
pub fn trainable<M: Module>(module: &M) -> Vec<(String, Vec<usize>)> {
    let mut visitor = Trainable { path: ParamPath::default(), found: Vec::new() };
    module.visit(&mut visitor);
    visitor.found
}

struct Trainable {
    path: ParamPath,
    found: Vec<(String, Vec<usize>)>,
}

impl ModuleVisitor for Trainable {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.path.exit(container_type);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.found.push((self.path.key(), param.dims().to_vec()));
        }
    }
}
