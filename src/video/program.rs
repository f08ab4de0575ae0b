//! A child process whose output is read piece by piece. It is killed and waited for when dropped, so neither an error
//! nor an abort leaves it running or as a zombie.

use crate::error::{Error, Result};
use crate::event::Abort;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a wait for the child looks at the abort flag.
const PATIENCE: Duration = Duration::from_millis(20);
/// Pieces of output that may wait for the reader; the child blocks when they are full.
const QUEUE: usize = 2;
/// Bytes of the child's messages that are kept.
const MESSAGES: usize = 16 << 10;

/// A running `ffmpeg` or `ffprobe`.
pub(super) struct Program {
    name: &'static str,
    child: Child,
    pieces: Receiver<std::io::Result<Vec<u8>>>,
    messages: Option<JoinHandle<String>>,
    abort: Abort,
}

/// How a program ended.
pub(super) struct Outcome {
    /// Whether its exit status was 0.
    pub(super) success: bool,
    /// What it wrote to standard error (the first 16 KiB).
    pub(super) messages: String,
}

impl Outcome {
    /// The first line of the messages without the `[demuxer @ 0x…]` in front: one sentence for an error of ours.
    pub(super) fn reason(&self) -> String {
        let line = self.messages.lines().find(|line| !line.trim().is_empty()).unwrap_or("the program gave no reason");
        let text = line.rsplit_once("] ").map_or(line, |(_, text)| text);
        text.trim().to_owned()
    }
}

impl Program {
    /// Starts `command` (the program `name`); its standard output will come in pieces of `piece` bytes, the last one
    /// maybe shorter.
    ///
    /// # Errors
    /// [`Error::MissingProgram`] where it is not installed, [`Error::Io`] where it does not start.
    pub(super) fn start(name: &'static str, command: &mut Command, piece: usize, abort: &Abort) -> Result<Self> {
        abort.check()?;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                Error::MissingProgram { program: name, advice: "install ffmpeg 5.1 or newer (`apt install ffmpeg`)" }
            } else {
                Error::Io { action: "start", path: name.into(), source }
            }
        })?;
        let (sender, pieces) = sync_channel(QUEUE);
        if let Some(mut output) = child.stdout.take() {
            std::thread::spawn(move || pump(&mut output, piece, &sender));
        }
        let messages = child.stderr.take().map(|mut errors| {
            std::thread::spawn(move || {
                let mut kept = Vec::new();
                let _ = errors.by_ref().take(MESSAGES as u64).read_to_end(&mut kept);
                // The rest is read and dropped: a full pipe would stop the child.
                let _ = std::io::copy(&mut errors, &mut std::io::sink());
                String::from_utf8_lossy(&kept).into_owned()
            })
        });
        Ok(Self { name, child, pieces, messages, abort: abort.clone() })
    }

    /// The next piece of output; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Aborted`], [`Error::Io`].
    pub(super) fn next_piece(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            self.abort.check()?;
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => return piece.map(Some).map_err(Error::io("read the output of", self.name)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }

    /// All remaining output.
    ///
    /// # Errors
    /// [`Error::Aborted`], [`Error::Io`].
    pub(super) fn rest(&mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(piece) = self.next_piece()? {
            all.extend(piece);
        }
        Ok(all)
    }

    /// The child's standard input, if the command asked for a pipe.
    pub(super) fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// [`Error::Aborted`], [`Error::Io`].
    pub(super) fn finish(mut self) -> Result<Outcome> {
        self.rest()?;
        let status = loop {
            self.abort.check()?;
            match self.child.try_wait().map_err(Error::io("wait for", self.name))? {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let messages = self.messages.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ok(Outcome { success: status.success(), messages })
    }

    #[cfg(test)]
    fn id(&self) -> u32 {
        self.child.id()
    }
}

/// Passes the output on in pieces; ends with it, with an error (passed on too), or when nobody listens any more.
fn pump(output: &mut impl Read, piece: usize, sender: &SyncSender<std::io::Result<Vec<u8>>>) {
    loop {
        let mut bytes = Vec::with_capacity(piece);
        let read = output.take(piece as u64).read_to_end(&mut bytes).map(|_| bytes);
        let more = match &read {
            Ok(bytes) if bytes.is_empty() => return,
            Ok(_) => true,
            Err(_) => false,
        };
        if sender.send(read).is_err() || !more {
            return;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only where the child is gone and waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes one frame to the child's input; `false` when the child has closed it.
///
/// # Errors
/// [`Error::Io`] for anything but the closed pipe.
pub(super) fn feed(input: &mut ChildStdin, bytes: &[u8]) -> Result<bool> {
    match input.write_all(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::io("write to", "ffmpeg")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_advice() {
        let mut command = Command::new("sgcr-no-such-program");
        let error = Program::start("ffmpeg", &mut command, 16, &Abort::default()).err().unwrap();
        assert!(error.to_string().contains("apt install ffmpeg"), "{error}");
        assert_eq!(error.code(), "missing-program");
    }

    #[test]
    fn output_comes_in_pieces_and_messages_at_the_end() {
        let mut command = Command::new("sh");
        command.args(["-c", "printf 0123456789; echo '[mov @ 0x1] sad' >&2; exit 3"]);
        let mut program = Program::start("ffmpeg", &mut command, 4, &Abort::default()).unwrap();
        let mut pieces = Vec::new();
        while let Some(piece) = program.next_piece().unwrap() {
            pieces.push(String::from_utf8(piece).unwrap());
        }
        assert_eq!(pieces, ["0123", "4567", "89"]);
        let outcome = program.finish().unwrap();
        assert!(!outcome.success);
        assert_eq!(outcome.reason(), "sad");
    }

    #[test]
    fn an_abort_ends_the_wait_and_the_child() {
        let abort = Abort::default();
        let mut command = Command::new("sleep");
        command.arg("60");
        let mut program = Program::start("ffmpeg", &mut command, 4, &abort).unwrap();
        let process = format!("/proc/{}", program.id());
        let request = {
            let abort = abort.clone();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                abort.request();
            })
        };
        assert_eq!(program.next_piece().unwrap_err().code(), "aborted");
        request.join().unwrap();
        drop(program);
        assert!(!std::path::Path::new(&process).exists(), "{process} is still there");
        assert_eq!(Program::start("ffmpeg", &mut command, 4, &abort).err().unwrap().code(), "aborted");
    }
}
