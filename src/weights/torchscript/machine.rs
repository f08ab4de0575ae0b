//! The pickle of a TorchScript module, read as data: which tensors hang on which attributes. PyTorch writes these with
//! its own pickler, which knows few opcodes; any other is refused. Values lie in one list and refer to each other by
//! index, so that no nesting of a hostile file can exhaust the stack.

use super::super::pickle_opcodes::{Op, Opcodes, little_endian};
use super::view::{RANK_LIMIT, Storage, View};
use crate::error::Result;
use safetensors::Dtype;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// Most opcodes; OpenAI's largest CLIP has about 20 000.
const STEP_LIMIT: usize = 1 << 20;

/// Most modules within modules; CLIP has 6.
const DEPTH_LIMIT: usize = 64;

/// Longest attribute path; CLIP's have about 50 bytes.
const NAME_LIMIT: usize = 1024;

/// Most modules and tensors that paths may lead to, those counted twice that have two paths.
const PATH_LIMIT: usize = 1 << 16;

/// What is on the stack. Copies are cheap.
#[derive(Debug, Clone)]
enum Value {
    Int(i64),
    Text(Rc<str>),
    /// A class or function by name; it stays a name.
    Name(Rc<str>),
    /// Index of an [`Item`].
    Item(usize),
    /// What no tensor depends on: numbers, flags, lists.
    Other,
}

/// What values refer to.
#[derive(Debug)]
enum Item {
    Tuple(Vec<Value>),
    Dict(Vec<(Rc<str>, Value)>),
    /// Index of the dict that holds its attributes, when it has been built.
    Object(Option<usize>),
    Storage(Arc<Storage>),
    Tensor(View),
}

/// What is wrong with a pickle.
type Outcome<T = ()> = std::result::Result<T, String>;

/// Reads the tensors of a module by attribute path. The names in the pickle must have been checked before.
///
/// # Errors
/// [`Error::CorruptFile`](crate::Error::CorruptFile).
pub(super) fn read_tensors(pickle: &[u8], file: &str) -> Result<BTreeMap<String, View>> {
    let mut opcodes = Opcodes::new(pickle, 0, file);
    let mut machine = Machine::default();
    for _ in 0..STEP_LIMIT {
        let op = opcodes.next()?;
        if op.code == b'.' {
            return machine.tensors().map_err(|reason| opcodes.corrupt(reason));
        }
        machine.step(&op).map_err(|reason| opcodes.corrupt(reason))?;
    }
    Err(opcodes.corrupt(format!("its pickle has more than {STEP_LIMIT} values, a model has far fewer")))
}

#[derive(Default)]
struct Machine {
    stack: Vec<Value>,
    /// Heights of the stack at which marks lie.
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
    items: Vec<Item>,
}

impl Machine {
    fn step(&mut self, op: &Op<'_>) -> Outcome {
        match op.code {
            // PROTO
            0x80 => {}
            b'(' => self.marks.push(self.stack.len()),
            b'N' | b'G' | 0x88 | 0x89 | b']' => self.stack.push(Value::Other),
            b'K' | b'M' | b'J' | 0x8a => self.stack.push(integer(op)),
            b'X' => self.stack.push(Value::Text(utf8(op.bytes)?.into())),
            b'c' => {
                let name = format!("{}.{}", utf8(op.bytes)?, utf8(op.second)?);
                self.stack.push(Value::Name(name.into()));
            }
            b'q' | b'r' => {
                let top = self.stack.last().cloned().ok_or_else(underflow)?;
                self.memo.insert(little_endian(op.bytes), top);
            }
            b'h' | b'j' => {
                let slot = little_endian(op.bytes);
                let value = self.memo.get(&slot).cloned();
                self.stack.push(value.ok_or_else(|| format!("its pickle recalls {slot}, which it never kept"))?);
            }
            b'0' => drop(self.pop()?),
            b')' => self.push_item(Item::Tuple(Vec::new())),
            b'}' => self.push_item(Item::Dict(Vec::new())),
            b't' => {
                let values = self.pop_to_mark()?;
                self.push_item(Item::Tuple(values));
            }
            0x85..=0x87 => {
                let begin = self.stack.len().checked_sub(usize::from(op.code) - 0x84);
                let begin = begin.filter(|begin| *begin >= self.floor()).ok_or_else(underflow)?;
                let values = self.stack.split_off(begin);
                self.push_item(Item::Tuple(values));
            }
            // APPEND, APPENDS: lists hold no parameters.
            b'a' => drop(self.pop()?),
            b'e' => drop(self.pop_to_mark()?),
            b's' | b'u' => self.set_items(op.code == b'u')?,
            b'Q' => self.persistent()?,
            b'R' => self.reduce()?,
            0x81 => self.new_object()?,
            b'b' => self.build()?,
            code => return Err(format!("its pickle has opcode 0x{code:02x}, which TorchScript never writes")),
        }
        Ok(())
    }

    /// Height below which values belong to an open mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Outcome<Value> {
        if self.stack.len() <= self.floor() {
            return Err(underflow());
        }
        self.stack.pop().ok_or_else(underflow)
    }

    fn pop_to_mark(&mut self) -> Outcome<Vec<Value>> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or_else(underflow)?;
        Ok(self.stack.split_off(mark))
    }

    fn push_item(&mut self, item: Item) {
        self.stack.push(Value::Item(self.items.len()));
        self.items.push(item);
    }

    fn item(&self, value: &Value) -> Option<&Item> {
        let Value::Item(at) = value else { return None };
        self.items.get(*at)
    }

    fn tuple(&self, value: &Value) -> Outcome<&[Value]> {
        match self.item(value) {
            Some(Item::Tuple(values)) => Ok(values),
            _ => Err("its pickle has something else where a tuple belongs".to_owned()),
        }
    }

    /// `SETITEM`, `SETITEMS`. Keys that are no text name no attribute.
    fn set_items(&mut self, many: bool) -> Outcome {
        let values = if many {
            self.pop_to_mark()?
        } else {
            let value = self.pop()?;
            vec![self.pop()?, value]
        };
        let dict = self.stack.get(self.floor()..).and_then(<[Value]>::last);
        let Some(Value::Item(at)) = dict else { return Err("its pickle sets items of no dict".to_owned()) };
        let Some(Item::Dict(entries)) = self.items.get_mut(*at) else {
            return Err("its pickle sets items of no dict".to_owned());
        };
        for pair in values.chunks(2) {
            match pair {
                [Value::Text(key), value] => entries.push((key.clone(), value.clone())),
                [_, _] => {}
                _ => return Err("its pickle has a key without a value".to_owned()),
            }
        }
        Ok(())
    }

    /// `BINPERSID`: `('storage', torch.HalfStorage, '0', 'cpu', 512)`.
    fn persistent(&mut self) -> Outcome {
        let id = self.pop()?;
        let [Value::Text(kind), Value::Name(class), Value::Text(key), _, Value::Int(count)] = self.tuple(&id)? else {
            return Err("its pickle refers to something that is no storage".to_owned());
        };
        if &**kind != "storage" {
            return Err(format!("its pickle refers to a \"{kind}\", known is \"storage\""));
        }
        let dtype = storage_type(class).ok_or_else(|| format!("{class} holds no numbers that can be read here"))?;
        let storage = usize::try_from(*count).ok().and_then(|count| Storage::new(key.to_string(), dtype, count));
        let storage = storage.ok_or_else(|| format!("its storage {key} is said to have {count} elements"))?;
        self.push_item(Item::Storage(Arc::new(storage)));
        Ok(())
    }

    /// `REDUCE`: the few functions that make tensors are carried out here, any other gives nothing.
    fn reduce(&mut self) -> Outcome {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Name(function) = function else { return Err("its pickle calls what is no name".to_owned()) };
        let arguments = self.tuple(&arguments)?;
        match &*function {
            "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" => {
                let tensor = self.tensor(arguments)?;
                self.push_item(Item::Tensor(tensor));
            }
            "torch._utils._rebuild_parameter" => {
                let tensor = arguments.first().cloned().unwrap_or(Value::Other);
                self.stack.push(tensor);
            }
            "collections.OrderedDict" => self.push_item(Item::Dict(Vec::new())),
            _ => self.stack.push(Value::Other),
        }
        Ok(())
    }

    /// `(storage, offset, shape, strides, …)`.
    fn tensor(&self, arguments: &[Value]) -> Outcome<View> {
        let [storage, offset, shape, strides, ..] = arguments else {
            return Err("its pickle makes a tensor of too few arguments".to_owned());
        };
        let Some(Item::Storage(storage)) = self.item(storage) else {
            return Err("its pickle makes a tensor without a storage".to_owned());
        };
        View::new(storage.clone(), extent(offset)?, self.extents(shape)?, self.extents(strides)?)
    }

    fn extents(&self, values: &Value) -> Outcome<Vec<usize>> {
        let values = self.tuple(values)?;
        if values.len() > RANK_LIMIT {
            return Err(format!("a tensor has {} dimensions", values.len()));
        }
        values.iter().map(extent).collect()
    }

    /// `NEWOBJ` of a `__torch__` class: an object without attributes yet.
    fn new_object(&mut self) -> Outcome {
        let (arguments, class) = (self.pop()?, self.pop()?);
        self.tuple(&arguments)?;
        match class {
            Value::Name(class) if class.starts_with("__torch__.") => self.push_item(Item::Object(None)),
            _ => return Err("its pickle makes an object of no TorchScript class".to_owned()),
        }
        Ok(())
    }

    /// `BUILD`: the object below gets the attributes on top. A state that is no dict (a class with `__getstate__`) names
    /// none.
    fn build(&mut self) -> Outcome {
        let (state, object) = (self.pop()?, self.pop()?);
        let attributes = match (self.item(&state), &state) {
            (Some(Item::Dict(_)), Value::Item(at)) => Some(*at),
            _ => None,
        };
        if let Value::Item(at) = object
            && let Some(Item::Object(built)) = self.items.get_mut(at)
        {
            if built.is_some() {
                return Err("its pickle builds an object twice".to_owned());
            }
            *built = attributes;
        }
        self.stack.push(object);
        Ok(())
    }

    /// Walks from the module that the pickle ends with along its attributes.
    fn tensors(mut self) -> Outcome<BTreeMap<String, View>> {
        let root = self.pop()?;
        if !self.stack.is_empty() || !matches!(self.item(&root), Some(Item::Object(_))) {
            return Err("its pickle holds no TorchScript module".to_owned());
        }
        let mut tensors = BTreeMap::new();
        let mut waiting = vec![(String::new(), 0, root)];
        let mut paths = 0;
        while let Some((path, depth, value)) = waiting.pop() {
            match self.item(&value) {
                Some(Item::Object(Some(attributes))) => {
                    if depth == DEPTH_LIMIT {
                        return Err(format!("its modules nest deeper than {DEPTH_LIMIT} or hold themselves"));
                    }
                    let Some(Item::Dict(attributes)) = self.items.get(*attributes) else { continue };
                    for (name, value) in attributes {
                        if !matches!(self.item(value), Some(Item::Object(_) | Item::Tensor(_))) {
                            continue;
                        }
                        paths += 1;
                        if paths > PATH_LIMIT {
                            return Err(format!("it has more than {PATH_LIMIT} modules and tensors"));
                        }
                        waiting.push((join(&path, name)?, depth + 1, value.clone()));
                    }
                }
                Some(Item::Tensor(view)) => match tensors.entry(path) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(view.clone());
                    }
                    Entry::Occupied(taken) => return Err(format!("it has \"{}\" twice", taken.key())),
                },
                _ => {}
            }
        }
        Ok(tensors)
    }
}

fn join(path: &str, name: &str) -> Outcome<String> {
    if path.len() + name.len() >= NAME_LIMIT {
        return Err(format!("it has an attribute path of more than {NAME_LIMIT} bytes"));
    }
    Ok(if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") })
}

fn underflow() -> String {
    "its pickle takes a value that is not there".to_owned()
}

fn utf8(bytes: &[u8]) -> Outcome<&str> {
    std::str::from_utf8(bytes).map_err(|_| "its pickle has a text that is no UTF-8".to_owned())
}

/// `BININT1`, `BININT2` (both without sign), `BININT`, `LONG1`. A number beyond 64 bits is no extent.
fn integer(op: &Op<'_>) -> Value {
    let negative = op.code == b'J' || op.code == 0x8a;
    match op.bytes.len() {
        0 => Value::Int(0),
        length @ 1..=8 => {
            let unused = 64 - 8 * length as u32;
            let bits = (little_endian(op.bytes) << unused) as i64;
            Value::Int(if negative { bits >> unused } else { (bits as u64 >> unused) as i64 })
        }
        _ => Value::Other,
    }
}

fn extent(value: &Value) -> Outcome<usize> {
    match value {
        Value::Int(number) => usize::try_from(*number).map_err(|_| format!("a tensor has an extent of {number}")),
        _ => Err("a tensor has an extent that is no number".to_owned()),
    }
}

/// The element type of a storage class.
fn storage_type(class: &str) -> Option<Dtype> {
    Some(match class {
        "torch.DoubleStorage" => Dtype::F64,
        "torch.FloatStorage" => Dtype::F32,
        "torch.HalfStorage" => Dtype::F16,
        "torch.BFloat16Storage" => Dtype::BF16,
        "torch.LongStorage" => Dtype::I64,
        "torch.IntStorage" => Dtype::I32,
        "torch.ShortStorage" => Dtype::I16,
        "torch.CharStorage" => Dtype::I8,
        "torch.ByteStorage" => Dtype::U8,
        "torch.BoolStorage" => Dtype::BOOL,
        _ => return None,
    })
}
