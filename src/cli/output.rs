//! Standard output and standard error: results go to the first, everything else to the second.

use std::io::{self, Write as _};

/// Prints a result. A reader that went away (`| head`) is no error.
///
/// # Errors
/// The system's, except for a closed pipe.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a value as indented JSON.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Says something that is no result, on standard error. Nothing can be done about a standard error that is closed.
pub fn note(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}
