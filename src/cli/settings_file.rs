//! Settings of a verb, for any configuration that serde knows: its defaults, over them a TOML or JSON file, over that
//! `--set PATH=VALUE`. So every field of a configuration is in reach of a file and of the command line without a flag of
//! its own, and a name that does not exist is refused with the line it stands in and the nearest that does.

#[cfg(test)]
mod tests;

pub use crate::train::to_toml;

use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// What `--help` says of settings, for the verbs that have them.
pub const HELP: &str =
    "Settings: every one can stand in the file of --config (TOML, or JSON if it ends in .json) and after --set:
  --set seed=7  --set optimizer.learning_rate=1e-4  --set lora.targets='[\"c_fc\", \"c_proj\"]'
What neither names keeps its default; --set wins over the file, the last --set over the others. A value is written as in
TOML; a word that is no TOML value is text; none (in a file: \"none\") takes an optional setting away.";

/// The defaults with a file and assignments (`PATH=VALUE`) in place.
///
/// # Errors
/// Those of [`Settings::file`] and [`Settings::set`].
pub fn with_file<T: Serialize + DeserializeOwned>(
    defaults: &T,
    file: Option<&Path>,
    assignments: &[String],
) -> Result<T> {
    let mut settings = Settings::over(defaults)?;
    if let Some(path) = file {
        settings.file(path)?;
    }
    for assignment in assignments {
        settings.set(assignment)?;
    }
    settings.finish()
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// By the file's name: `.json` is JSON, everything else TOML.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json")) { Self::Json } else { Self::Toml }
    }
}

/// A configuration in the making. What is laid over it later wins.
#[derive(Debug, Clone)]
pub struct Settings<T> {
    /// The structure: which names exist.
    defaults: Value,
    /// The values so far; always those of a whole `T`.
    values: Value,
    of: PhantomData<T>,
}

/// One value and where it goes.
struct Assignment {
    path: Vec<String>,
    value: Value,
}

impl<T: Serialize + DeserializeOwned> Settings<T> {
    /// Nothing but the defaults.
    ///
    /// # Errors
    /// [`Error::InvalidJson`] where `T` cannot be written as JSON.
    pub fn over(defaults: &T) -> Result<Self> {
        let defaults = serde_json::to_value(defaults).map_err(Error::json("the default settings"))?;
        Ok(Self { values: defaults.clone(), defaults, of: PhantomData })
    }

    /// Lays a settings file over.
    ///
    /// # Errors
    /// [`Error::Io`], and those of [`Settings::text`].
    pub fn file(&mut self, path: &Path) -> Result<()> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        self.text(&text, Format::of(path), &path.display().to_string())
    }

    /// Lays a document over; `name` is what messages call it.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] with the line of what is no TOML or JSON, of a name that does not exist, or of a value
    /// that does not fit.
    pub fn text(&mut self, text: &str, format: Format, name: &str) -> Result<()> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = match format {
            Format::Toml => read_toml(text, name)?,
            Format::Json => serde_json::from_str(text).map_err(|error| {
                let said = error.to_string();
                let reason = said.rsplit_once(" at line ").map_or(said.as_str(), |(reason, _)| reason);
                let place = format!("{name}, line {}", error.line());
                Error::InvalidSetting { place, reason: format!("this is no JSON: {reason}") }
            })?,
        };
        self.lay_over(&document, &|path| match line_of(text, format, path) {
            Some(line) => format!("{name}, line {line}"),
            None => name.to_owned(),
        })
    }

    /// Lays one `PATH=VALUE` over.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for text without `=`, a name that does not exist, or a value that does not fit.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let place = format!("--set {assignment}");
        let Some((path, text)) = assignment.split_once('=') else {
            let reason = "write the setting's name and its value: --set NAME=VALUE".to_owned();
            return Err(Error::InvalidSetting { place, reason });
        };
        let names: Vec<&str> = path.trim().split('.').map(str::trim).collect();
        let at = names.iter().try_fold(&self.defaults, |at, name| at.get(name));
        let value = value_of(text.trim(), at.is_some_and(Value::is_string))
            .map_err(|reason| Error::InvalidSetting { place: place.clone(), reason })?;
        let document =
            names.iter().rev().fold(value, |inner, name| Value::Object(Map::from_iter([((*name).to_owned(), inner)])));
        self.lay_over(&document, &|_| place.clone())
    }

    /// The configuration.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] where the defaults themselves do not read back.
    pub fn finish(self) -> Result<T> {
        T::deserialize(&self.values)
            .map_err(|error| Error::InvalidSetting { place: "settings".to_owned(), reason: error.to_string() })
    }

    /// Puts every value of `document` in its place; `place` says where in the document a path stands.
    fn lay_over(&mut self, document: &Value, place: &dyn Fn(&[String]) -> String) -> Result<()> {
        let mut assignments = Vec::new();
        self.collect(document, Some(&self.defaults), Some(&self.values), &mut Vec::new(), &mut assignments)
            .map_err(|(path, reason)| Error::InvalidSetting { place: place(&path), reason })?;
        let mut values = self.values.clone();
        for assignment in assignments {
            put(&mut values, &assignment.path, assignment.value);
            // Read after each one, so that the message can name the one that does not fit.
            let read = T::deserialize(&values).map_err(|error| Error::InvalidSetting {
                place: place(&assignment.path),
                reason: format!("\"{}\" cannot be this: {error}", assignment.path.join(".")),
            })?;
            // Written again, so that an optional part that was just switched on has all its names.
            values = serde_json::to_value(read).map_err(Error::json("settings"))?;
        }
        self.values = values;
        Ok(())
    }

    /// Whether a name that the defaults do not write exists all the same: configurations leave out what is as usual.
    fn is_left_out(&self, path: &[String]) -> bool {
        let mut values = self.values.clone();
        // No setting is like this, so one that exists complains of the value, not of its name.
        put(&mut values, path, Value::Object(Map::from_iter([("\0".to_owned(), Value::Null)])));
        let unknown = path.last().map(|name| format!("unknown field `{name}`"));
        T::deserialize(&values).is_err_and(|error| unknown.is_none_or(|unknown| !error.to_string().contains(&unknown)))
    }

    /// Splits a document into the values that it sets. The defaults say which names exist, where they have any: an empty
    /// table takes every name, and in an optional part that is off by default the values so far say it.
    fn collect(
        &self,
        document: &Value,
        default: Option<&Value>,
        current: Option<&Value>,
        path: &mut Vec<String>,
        assignments: &mut Vec<Assignment>,
    ) -> Result<(), (Vec<String>, String)> {
        let structure = default.filter(|value| !value.is_null()).or(current);
        let (Value::Object(given), Some(Value::Object(known))) = (document, structure) else {
            if path.is_empty() {
                return Err((Vec::new(), "settings are a table of names and values".to_owned()));
            }
            let taken_away = document == "none" && structure.is_some_and(|value| !value.is_string());
            let value = if taken_away { Value::Null } else { document.clone() };
            assignments.push(Assignment { path: path.clone(), value });
            return Ok(());
        };
        for (name, value) in given {
            path.push(name.clone());
            if !known.is_empty() && !known.contains_key(name) && !self.is_left_out(path) {
                let wanted = path.join(".");
                let nearest = nearest(&wanted, &self.values);
                let reason = format!("there is no setting \"{wanted}\"; the nearest is \"{nearest}\"");
                return Err((path.clone(), reason));
            }
            let (default, current) = (default.and_then(|of| of.get(name)), current.and_then(|of| of.get(name)));
            self.collect(value, default, current, path, assignments)?;
            path.pop();
        }
        Ok(())
    }
}

/// Writes a value into a tree; tables on the way are made where there are none.
fn put(tree: &mut Value, path: &[String], value: Value) {
    let mut at = tree;
    for name in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(table) = at else { return };
        at = table.entry(name.clone()).or_insert(Value::Null);
    }
    *at = value;
}

/// The setting whose name is most like `wanted`: as a whole, or in its last part.
fn nearest(wanted: &str, values: &Value) -> String {
    fn last(path: &str) -> &str {
        path.rsplit('.').next().unwrap_or(path)
    }
    let likeness = |path: &str| {
        let whole = strsim::normalized_damerau_levenshtein(wanted, path);
        (whole + strsim::normalized_damerau_levenshtein(last(wanted), last(path)), whole)
    };
    let mut paths = Vec::new();
    all_paths(values, "", &mut paths);
    let best = paths.into_iter().max_by(|a, b| {
        let ((a, a_whole), (b, b_whole)) = (likeness(a), likeness(b));
        a.total_cmp(&b).then(a_whole.total_cmp(&b_whole))
    });
    best.unwrap_or_default()
}

/// The dotted names of all settings, those of tables included.
fn all_paths(values: &Value, prefix: &str, paths: &mut Vec<String>) {
    for (name, value) in values.as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        all_paths(value, &path, paths);
        paths.push(path);
    }
}

/// The value of `--set`: as TOML has it, else text. A setting that is text by default takes any word as text.
fn value_of(text: &str, is_text: bool) -> Result<Value, String> {
    match DeValue::parse(text) {
        Ok(value) if !is_text || value.get_ref().is_str() => from_toml(value.get_ref()),
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn read_toml(text: &str, name: &str) -> Result<Value> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let place = format!("{name}, line {}", line_at(text, at));
        Error::InvalidSetting { place, reason: format!("this is no TOML: {}", error.message()) }
    })?;
    from_toml(&DeValue::Table(table.into_inner()))
        .map_err(|reason| Error::InvalidSetting { place: name.to_owned(), reason })
}

fn from_toml(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Integer(number) => {
            let (digits, radix) = (number.as_str(), number.radix());
            let signed = i64::from_str_radix(digits, radix).map(Value::from);
            let number = signed.or_else(|_| u64::from_str_radix(digits, radix).map(Value::from));
            number.map_err(|_| format!("{digits} is larger than any number here"))?
        }
        DeValue::Float(number) => {
            let finite = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            Value::Number(finite.ok_or_else(|| format!("{number} is no finite number"))?)
        }
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| from_toml(item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let entries = table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), from_toml(value.get_ref())?)));
            Value::Object(entries.collect::<Result<Map<_, _>, String>>()?)
        }
    })
}

/// The line, from 1, in which the last name of `path` stands; `None` for the document as a whole.
fn line_of(text: &str, format: Format, path: &[String]) -> Option<usize> {
    if path.is_empty() {
        return None;
    }
    if format == Format::Json {
        let mut reader = serde_json::Deserializer::from_str(text);
        return Seek(path).deserialize(&mut reader).err().map(|stopped| stopped.line());
    }
    let document = DeTable::parse(text).ok()?;
    let mut table = Some(document.get_ref());
    let mut start = None;
    for name in path {
        let (key, value) = table?.iter().find(|(key, _)| key.get_ref() == name)?;
        start = Some(key.span().start);
        table = value.get_ref().as_table();
    }
    Some(line_at(text, start?))
}

fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|b| *b == b'\n').count()
}

/// Reads a document up to the name at its path and fails there, so that the reader's error tells the line.
struct Seek<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.0 {
                [last] if *last == name => return Err(serde::de::Error::custom("found")),
                [first, rest @ ..] if *first == name => map.next_value_seed(Seek(rest))?,
                _ => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        Ok(())
    }
}
