//! A session's adapters: read once, then put on, mixed and taken off by their weights while the base stays loaded.

use super::Session;
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::model::VideoTextModel;
use crate::source::Folder;
use crate::weights::adapter::mix;
use crate::weights::{Adapter, fingerprint};
use std::collections::BTreeMap;

/// Whether an adapter's base is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pairing {
    /// An adapter that names another base is refused.
    #[default]
    Checked,
    /// Any adapter is taken that has the right shapes.
    Any,
}

/// Adapters and what they go on.
#[derive(Default)]
pub(super) struct Adapters {
    loaded: Vec<Loaded>,
    /// The model without adapters, where they are on.
    base: Option<VideoTextModel>,
    /// The base's, once it was asked for.
    fingerprint: Option<String>,
}

struct Loaded {
    name: String,
    adapter: Adapter,
    weight: f64,
}

impl Session {
    /// The fingerprint of the model without adapters. Reads all weights back from the device the first time.
    ///
    /// # Errors
    /// [`Error::Compute`] where the device fails.
    pub async fn fingerprint(&mut self) -> Result<&str> {
        let found = match self.adapters.fingerprint.take() {
            Some(found) => found,
            None => {
                let found = fingerprint(self.base()).await;
                self.device.settle(found).await?
            }
        };
        Ok(self.adapters.fingerprint.insert(found))
    }

    /// Reads an adapter folder and keeps it under a name, with weight 0: it is not on yet. Emits [`Event::Notice`]
    /// `adapter-base-unknown` where the folder does not tell its base, and `adapter-version` for one that a newer PEFT saved
    /// than this program was held against.
    ///
    /// # Errors
    /// [`Error::WrongBase`] unless `pairing` allows any; [`Error::InvalidInput`] for a name that is taken; those of
    /// [`Adapter::read`] and [`Adapter::check_fits`].
    pub async fn load_adapter<F: Folder>(
        &mut self,
        name: &str,
        folder: &F,
        pairing: Pairing,
        events: &mut impl Events,
    ) -> Result<()> {
        if self.adapters.loaded.iter().any(|loaded| loaded.name == name) {
            let reason = "it is loaded already; give each adapter once".to_owned();
            return Err(Error::InvalidInput { what: format!("adapter {name}"), reason });
        }
        let adapter = Adapter::read(folder).await?;
        match (pairing, &adapter.base.sha256) {
            (Pairing::Any, _) => {}
            (Pairing::Checked, Some(_)) => {
                adapter.check_base(self.fingerprint().await?)?;
            }
            (Pairing::Checked, None) => {
                let message = format!("{name} does not say which base model it belongs to; make sure it is this one");
                events.emit(Event::Notice { code: "adapter-base-unknown", message });
            }
        }
        if let Some(version) = adapter.unchecked_version() {
            let message = format!(
                "{name} was saved by PEFT {version}, newer than this program knows; compare its results with PEFT's own"
            );
            events.emit(Event::Notice { code: "adapter-version", message });
        }
        adapter.check_fits(self.base())?;
        self.adapters.loaded.push(Loaded { name: name.to_owned(), adapter, weight: 0.0 });
        Ok(())
    }

    /// Puts adapters on, each multiplied by its weight ([`mix`]); those that are not named go off.
    ///
    /// # Errors
    /// [`Error::UnknownName`]; those of [`mix`]. The session is as it was then.
    pub fn set_adapter_weights(&mut self, weights: &[(&str, f64)]) -> Result<()> {
        let weights: BTreeMap<&str, f64> = weights.iter().copied().collect();
        if let Some(name) = weights.keys().find(|name| !self.adapters.loaded.iter().any(|loaded| loaded.name == **name))
        {
            let known = self.adapters().map(|(name, ..)| name).collect::<Vec<_>>().join(", ");
            return Err(Error::UnknownName { kind: "adapter", name: (*name).to_owned(), known });
        }
        let weight = |loaded: &Loaded| weights.get(loaded.name.as_str()).copied().unwrap_or_default();
        let base = self.base().clone();
        let mixed: Vec<(&Adapter, f64)> =
            self.adapters.loaded.iter().map(|loaded| (&loaded.adapter, weight(loaded))).collect();
        let model = mix(&base, &mixed)?;
        self.device.check()?;
        self.model = model;
        self.adapters.base = Some(base);
        for loaded in &mut self.adapters.loaded {
            loaded.weight = weight(loaded);
        }
        Ok(())
    }

    /// Forgets an adapter, which goes off if it was on.
    ///
    /// # Errors
    /// As [`Self::set_adapter_weights`].
    pub fn drop_adapter(&mut self, name: &str) -> Result<()> {
        let known = |(known, ..): &(&str, f64, &Adapter)| *known == name;
        if !self.adapters().any(|adapter| known(&adapter)) {
            return self.set_adapter_weights(&[(name, 0.0)]);
        }
        let rest: Vec<(String, f64)> = self
            .adapters()
            .filter(|adapter| !known(adapter))
            .map(|(name, weight, _)| (name.to_owned(), weight))
            .collect();
        let rest: Vec<(&str, f64)> = rest.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
        self.set_adapter_weights(&rest)?;
        self.adapters.loaded.retain(|loaded| loaded.name != name);
        Ok(())
    }

    /// Name, weight and contents of every adapter, in the order in which they were loaded.
    pub fn adapters(&self) -> impl Iterator<Item = (&str, f64, &Adapter)> {
        self.adapters.loaded.iter().map(|loaded| (loaded.name.as_str(), loaded.weight, &loaded.adapter))
    }

    /// The model without adapters.
    pub(super) fn base(&self) -> &VideoTextModel {
        self.adapters.base.as_ref().unwrap_or(&self.model)
    }
}
