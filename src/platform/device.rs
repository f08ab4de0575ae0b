//! The compute device a user asks for by name, made ready and described.

use crate::error::{Error, Result};
use burn::tensor::Device;
use std::fmt;
use std::str::FromStr;

/// A device as users write it: `cpu`, `webgpu`, `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceName {
    /// The CPU, by burn's flex backend.
    Cpu,
    /// A GPU through wgpu: WebGPU in the page; Vulkan, Metal, DX12 or GL natively.
    WebGpu,
    /// The N-th NVIDIA GPU.
    Cuda(usize),
}

impl FromStr for DeviceName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let unknown =
            || Error::UnknownName { kind: "device", name: name.to_owned(), known: "cpu, webgpu, cuda:N".to_owned() };
        match name {
            "cpu" => Ok(Self::Cpu),
            "webgpu" => Ok(Self::WebGpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let index = name.strip_prefix("cuda:").ok_or_else(unknown)?;
                index.parse().map(Self::Cuda).map_err(|_| unknown())
            }
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::WebGpu => f.write_str("webgpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// What a device has room for, as far as it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryLimits {
    /// Bytes of all tensors; a GPU does not tell.
    pub total: Option<u64>,
    /// Bytes of a single tensor.
    pub tensor: Option<u64>,
}

/// A device that is ready for tensors.
#[derive(Debug, Clone)]
pub struct ComputeDevice {
    name: DeviceName,
    description: String,
    device: Device,
    limits: MemoryLimits,
    #[cfg(feature = "webgpu")]
    errors: Option<webgpu::ErrorLog>,
}

impl ComputeDevice {
    /// The CPU device; always there.
    #[must_use]
    pub fn cpu() -> Self {
        Self {
            name: DeviceName::Cpu,
            description: "CPU (burn flex)".to_owned(),
            device: Device::flex(),
            limits: super::native::memory_limits(),
            #[cfg(feature = "webgpu")]
            errors: None,
        }
    }

    /// Opens a device. A second opening of the same one gives the same device.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] with the reason, [`Error::NotBuilt`] for a device this build leaves out.
    pub async fn open(name: DeviceName) -> Result<Self> {
        match name {
            DeviceName::Cpu => Ok(Self::cpu()),
            DeviceName::WebGpu => Self::open_webgpu().await,
            DeviceName::Cuda(index) => Self::open_cuda(index),
        }
    }

    /// The name it was opened by.
    #[must_use]
    pub const fn name(&self) -> DeviceName {
        self.name
    }

    /// What it is, for people: adapter and driver.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The handle tensors are made on.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// What it has room for.
    #[must_use]
    pub const fn limits(&self) -> MemoryLimits {
        self.limits
    }

    /// Bytes that it has taken for tensors so far and keeps; `None` where it does not count (the CPU).
    #[must_use]
    pub fn bytes_reserved(&self) -> Option<u64> {
        self.device.memory_pool_usage().map(|usage| usage.bytes_reserved)
    }

    /// Bytes that tensors hold on the device now; `None` where the device does not count (the CPU).
    #[must_use]
    pub fn bytes_in_use(&self) -> Option<u64> {
        self.device.memory_pool_usage().map(|usage| usage.bytes_in_use)
    }

    #[cfg(feature = "webgpu")]
    async fn open_webgpu() -> Result<Self> {
        let (device, description, limits, errors) = webgpu::open().await?;
        Ok(Self { name: DeviceName::WebGpu, description, device, limits, errors: Some(errors) })
    }

    #[cfg(not(feature = "webgpu"))]
    #[allow(clippy::unused_async)] // Same signature as with the feature.
    async fn open_webgpu() -> Result<Self> {
        let advice = "build with --features webgpu, or use --device cpu".to_owned();
        Err(Error::NotBuilt { what: "device webgpu".to_owned(), advice })
    }

    /// burn opens CUDA at the first operation and panics there without a driver, so the driver is looked for here.
    #[cfg(feature = "cuda")]
    fn open_cuda(index: usize) -> Result<Self> {
        let name = DeviceName::Cuda(index);
        let driver = std::fs::read_to_string("/proc/driver/nvidia/version").map_err(|_| Error::DeviceUnavailable {
            device: name.to_string(),
            reason: "no NVIDIA driver is loaded on this machine; use --device cpu or webgpu".to_owned(),
        })?;
        let driver = driver.lines().next().unwrap_or_default().trim().to_owned();
        Ok(Self {
            name,
            description: format!("NVIDIA GPU {index} ({driver})"),
            device: Device::cuda(index),
            limits: MemoryLimits::default(),
            #[cfg(feature = "webgpu")]
            errors: None,
        })
    }

    #[cfg(not(feature = "cuda"))]
    fn open_cuda(index: usize) -> Result<Self> {
        let advice = "build with --features cuda (README, \"CUDA\"), or use --device cpu or webgpu".to_owned();
        Err(Error::NotBuilt { what: format!("device {}", DeviceName::Cuda(index)), advice })
    }

    /// A result of work on the device, or what the device itself reports, which says more than what fails after it. A
    /// browser tells of a fault in a later task than the call that fails by it.
    ///
    /// # Errors
    /// Those of [`Self::check`], else the result's.
    pub async fn settle<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(Error::Aborted) => return result,
            Err(_) => {
                super::yield_now().await;
                super::yield_now().await;
            }
            Ok(_) => {}
        }
        self.check()?;
        result
    }

    /// Fails once the device has reported an error outside any call: results after it cannot be trusted.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::OutOfMemory`] or [`Error::Compute`] with the first report.
    pub fn check(&self) -> Result<()> {
        #[cfg(feature = "webgpu")]
        if let Some(errors) = &self.errors {
            return errors.check();
        }
        Ok(())
    }
}

#[cfg(feature = "webgpu")]
mod webgpu {
    use super::{Device, Error, MemoryLimits, Result};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    /// What wgpu reported outside a call, the first of each. Its own handler panics inside a callback where nobody sees it.
    #[derive(Debug, Default)]
    struct Reports {
        error: Option<String>,
        lost: Option<String>,
        /// Whether an allocation failed.
        exhausted: bool,
    }

    /// The reports of a device, shared with its callbacks.
    #[derive(Debug, Clone, Default)]
    pub(super) struct ErrorLog(Arc<Mutex<Reports>>);

    impl ErrorLog {
        fn reports(&self) -> MutexGuard<'_, Reports> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// In place of the runtime's own listeners, of which one panics; results are checked against this log instead.
        fn listen(&self, device: &wgpu::Device) {
            let log = self.clone();
            device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
                tracing::error!("device error: {error}");
                let mut reports = log.reports();
                reports.exhausted |= is_memory(&error);
                reports.error.get_or_insert(error.to_string());
            }));
            let log = self.clone();
            device.set_device_lost_callback(move |reason, message| {
                tracing::error!("device lost: {reason:?}, {message}");
                log.reports().lost.get_or_insert(format!("{reason:?}: {message}"));
            });
        }

        /// A lost device fails in many ways; that it was lost is what matters.
        pub(super) fn check(&self) -> Result<()> {
            let reports = self.reports();
            match (&reports.lost, &reports.error) {
                (Some(reason), _) => Err(Error::DeviceLost { reason: reason.clone() }),
                (None, Some(_)) if reports.exhausted => Err(Error::OutOfMemory { wanted: 0, limit: 0 }),
                (None, Some(reason)) => Err(Error::Compute { reason: reason.clone() }),
                (None, None) => Ok(()),
            }
        }
    }

    /// An allocation that failed, or one beyond what a buffer may have (which is told as a mistake in the call).
    fn is_memory(error: &wgpu::Error) -> bool {
        match error {
            wgpu::Error::OutOfMemory { .. } => true,
            wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
                let told = description.to_lowercase();
                told.contains("out of memory")
                    || told.contains("size") && told.contains("buffer") && told.contains("max")
            }
        }
    }

    type Opened = (Device, String, MemoryLimits, ErrorLog);

    /// The runtime can be initialised once a process; later openings share it.
    static OPENED: Mutex<Option<Opened>> = Mutex::new(None);

    fn opened() -> Option<Opened> {
        OPENED.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn open() -> Result<Opened> {
        if let Some(opened) = opened() {
            return Ok(opened);
        }
        let unavailable = |reason: String| Error::DeviceUnavailable { device: "webgpu".to_owned(), reason };
        let (device, setup) = match Device::wgpu_options().init_with_setup_async().await {
            Ok(pair) => pair,
            // Two first openings at once: the other one has won.
            Err(error) => return opened().ok_or_else(|| unavailable(format!("{error}; use device \"cpu\""))),
        };
        let errors = ErrorLog::default();
        errors.listen(&setup.device);
        let info = setup.adapter.get_info();
        let description = format!("{} ({:?}, {})", info.name, info.backend, info.driver);
        let limits = setup.device.limits();
        let tensor = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size);
        let limits = MemoryLimits { total: None, tensor: Some(tensor) };
        let opened = (device, description, limits, errors);
        *OPENED.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened.clone());
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_alike() {
        for name in ["cpu", "webgpu", "cuda:0", "cuda:3"] {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
        for name in ["", "gpu", "cuda:", "cuda:x", "CPU"] {
            assert_eq!(name.parse::<DeviceName>().unwrap_err().code(), "unknown-name", "{name}");
        }
    }
}
