//! MSVD's `raw-captions.pkl`: a dictionary from a video's id to lists of words, read as data. Anything that would be
//! called while loading is refused.

use crate::error::{Error, Result};
use crate::weights::{PickleOp, PickleOpcodes, little_endian};
use std::collections::HashMap;
use std::rc::Rc;

/// What is on the stack; lists and dictionaries lie apart, so that nothing nests.
#[derive(Debug, Clone)]
enum Value {
    Text(Rc<str>),
    /// Index of a list.
    List(usize),
    /// Index of a dictionary.
    Dict(usize),
    /// Numbers, None: nothing that a caption is made of.
    Other,
}

/// Video and caption of each list of words, sorted by video.
///
/// # Errors
/// [`Error::UnsafePickle`] where it names something to call, [`Error::CorruptFile`].
pub fn captions(bytes: &[u8], file: &str) -> Result<Vec<(String, String)>> {
    let mut opcodes = PickleOpcodes::new(bytes, 0, file);
    let mut machine = Machine::default();
    loop {
        let op = opcodes.next()?;
        if matches!(op.code, b'c' | b'i' | 0x93 | b'R' | b'o' | 0x81 | 0x92 | b'P' | b'Q' | 0x82..=0x84) {
            let [module, name] = [op.bytes, op.second].map(String::from_utf8_lossy);
            let callable =
                if name.is_empty() { format!("opcode 0x{:02x}", op.code) } else { format!("{module}.{name}") };
            return Err(Error::UnsafePickle { file: file.to_owned(), callable });
        }
        if op.code == b'.' {
            return machine.captions().map_err(|reason| opcodes.corrupt(reason));
        }
        machine.step(&op).map_err(|reason| opcodes.corrupt(reason))?;
    }
}

type Outcome<T = ()> = std::result::Result<T, String>;

#[derive(Default)]
struct Machine {
    stack: Vec<Value>,
    /// Heights of the stack at which marks lie.
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
    lists: Vec<Vec<Value>>,
    dicts: Vec<Vec<(Value, Value)>>,
}

impl Machine {
    fn step(&mut self, op: &PickleOp<'_>) -> Outcome {
        match op.code {
            // PROTO, FRAME.
            0x80 | 0x95 => {}
            b'(' => self.marks.push(self.stack.len()),
            b'X' | b'U' | b'T' | 0x8c | 0x8d => self.stack.push(Value::Text(utf8(op.bytes)?.into())),
            b'V' => self.stack.push(Value::Text(unescaped(utf8(op.bytes)?)?.into())),
            b'S' => self.stack.push(Value::Text(unquoted(utf8(op.bytes)?)?.into())),
            b'q' | b'r' => self.keep(little_endian(op.bytes))?,
            b'p' => self.keep(decimal(op.bytes)?)?,
            0x94 => self.keep(self.memo.len() as u64)?,
            b'h' | b'j' => self.recall(little_endian(op.bytes))?,
            b'g' => self.recall(decimal(op.bytes)?)?,
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b']' | b')' => self.push_list(Vec::new()),
            b'l' | b't' => {
                let values = self.pop_to_mark()?;
                self.push_list(values);
            }
            0x85..=0x87 => {
                let count = usize::from(op.code) - 0x84;
                let begin = self.stack.len().checked_sub(count).filter(|b| *b >= self.floor()).ok_or_else(underflow)?;
                let values = self.stack.split_off(begin);
                self.push_list(values);
            }
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            b'e' => {
                let values = self.pop_to_mark()?;
                self.append(values)?;
            }
            b'}' => self.push_dict(Vec::new())?,
            b'd' => {
                let values = self.pop_to_mark()?;
                self.push_dict(values)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![key, value])?;
            }
            b'u' => {
                let values = self.pop_to_mark()?;
                self.set(values)?;
            }
            b'N' | b'I' | b'J' | b'K' | b'L' | b'M' | b'F' | b'G' | 0x88..=0x8b => self.stack.push(Value::Other),
            code => return Err(format!("its pickle has opcode 0x{code:02x}, which no table of captions needs")),
        }
        Ok(())
    }

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

    fn push_list(&mut self, values: Vec<Value>) {
        self.stack.push(Value::List(self.lists.len()));
        self.lists.push(values);
    }

    fn push_dict(&mut self, values: Vec<Value>) -> Outcome {
        self.stack.push(Value::Dict(self.dicts.len()));
        self.dicts.push(Vec::new());
        self.set(values)
    }

    fn append(&mut self, values: Vec<Value>) -> Outcome {
        match self.stack.last() {
            Some(Value::List(at)) => self.lists[*at].extend(values),
            _ => return Err("its pickle appends to what is no list".to_owned()),
        }
        Ok(())
    }

    /// Keys and values in turn.
    fn set(&mut self, values: Vec<Value>) -> Outcome {
        let Some(Value::Dict(at)) = self.stack.last() else {
            return Err("its pickle sets items of what is no dictionary".to_owned());
        };
        let mut values = values.into_iter();
        while let Some(key) = values.next() {
            let value = values.next().ok_or("its pickle has a key without a value")?;
            self.dicts[*at].push((key, value));
        }
        Ok(())
    }

    fn keep(&mut self, slot: u64) -> Outcome {
        let top = self.stack.last().cloned().ok_or_else(underflow)?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u64) -> Outcome {
        let value = self.memo.get(&slot).cloned();
        self.stack.push(value.ok_or_else(|| format!("its pickle recalls {slot}, which it never kept"))?);
        Ok(())
    }

    fn captions(&self) -> Outcome<Vec<(String, String)>> {
        let expected = || "it should be a dictionary from a video's id to lists of words".to_owned();
        let Some(Value::Dict(at)) = self.stack.last() else { return Err(expected()) };
        let mut found = Vec::new();
        for (video, captions) in &self.dicts[*at] {
            let (Value::Text(video), Value::List(captions)) = (video, captions) else { return Err(expected()) };
            for caption in &self.lists[*captions] {
                let Value::List(words) = caption else { return Err(expected()) };
                let words: Option<Vec<&str>> = self.lists[*words].iter().map(text).collect();
                let caption = words.ok_or_else(expected)?.join(" ");
                if caption.trim().is_empty() {
                    return Err(format!("a caption of \"{video}\" has no words"));
                }
                found.push((video.to_string(), caption));
            }
        }
        // Python's order of keys is that of insertion in some versions and arbitrary in others.
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn underflow() -> String {
    "its pickle takes more from the stack than there is".to_owned()
}

fn utf8(bytes: &[u8]) -> Outcome<&str> {
    std::str::from_utf8(bytes).map_err(|_| "a text in it is no UTF-8".to_owned())
}

fn decimal(bytes: &[u8]) -> Outcome<u64> {
    utf8(bytes)?.trim().parse().map_err(|_| "its pickle has a bad memo number".to_owned())
}

/// A Python string literal, as protocol 0 writes byte strings.
fn unquoted(literal: &str) -> Outcome<String> {
    let literal = literal.trim();
    let inner = ['\'', '"'].into_iter().find_map(|q| literal.strip_prefix(q)?.strip_suffix(q));
    unescaped(inner.ok_or("a text in it lacks its quotes")?)
}

/// Backslashes resolved: `\'`, `\"`, `\\`, `\n`, `\t`, `\r`, `\xNN`, `\uNNNN`.
fn unescaped(text: &str) -> Outcome<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let code = |chars: &mut std::str::Chars<'_>, digits| {
            let hex: String = chars.take(digits).collect();
            u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32)
        };
        let resolved = match chars.next() {
            Some(c @ ('\'' | '"' | '\\')) => Some(c),
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('x') => code(&mut chars, 2),
            Some('u') => code(&mut chars, 4),
            _ => None,
        };
        out.push(resolved.ok_or("a text in it has an unknown escape")?);
    }
    Ok(out)
}
