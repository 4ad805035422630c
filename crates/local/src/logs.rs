//! What an instance writes, kept in two files of bounded size. Nothing here ever makes the app wait for the disk,
//! and no flood fills it.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::net::unix::pipe;

use crate::time::now;

/// The present file is renamed to `.1` at this size, so that an instance's log takes at most twice as much.
const FILE_BYTES: u64 = 4 << 20;
/// A longer line is cut; the rest of it is dropped.
const LINE_BYTES: usize = 16 << 10;
/// Lines beyond this many bytes in one second are dropped and counted: a person reads none of them anyway.
const KEPT_BYTES_PER_SECOND: u64 = 2 << 20;
/// Reading is slower than this, so that an app that only writes is held back by its pipe instead of burning a core.
const READ_BYTES_PER_TICK: usize = 1 << 20;
const READ_TICK: Duration = Duration::from_millis(100);
/// Room for what is written while the keeper is being replaced.
const PIPE_BYTES: usize = 256 << 10;

/// A file that moves itself aside when it is full.
pub(crate) struct RotatingFile {
    path: PathBuf,
    file: Option<File>,
    size: u64,
}

impl RotatingFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        let size = path.metadata().map_or(0, |meta| meta.len());
        Self { path, file: None, size }
    }

    /// # Errors
    /// The disk's; nothing is kept to be written again.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.size + bytes.len() as u64 > FILE_BYTES && self.size > 0 {
            self.rotate()?;
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => open_log(&self.path)?,
        };
        let written = self.file.insert(file).write_all(bytes);
        self.size += bytes.len() as u64;
        written
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        std::fs::rename(&self.path, older(&self.path))?;
        self.size = 0;
        Ok(())
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// The file that holds what was written before `path` was begun.
pub(crate) fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// One instance's log, fed from both of its streams.
pub(crate) struct LogSink {
    file: RotatingFile,
    window: Instant,
    kept_in_window: u64,
    dropped_in_window: u64,
    pub(crate) dropped: u64,
}

impl LogSink {
    pub(crate) fn new(path: PathBuf) -> Self {
        let file = RotatingFile::new(path);
        Self { file, window: Instant::now(), kept_in_window: 0, dropped_in_window: 0, dropped: 0 }
    }

    /// Writes whole lines in one go; what the disk refuses is counted and forgotten.
    fn lines(&mut self, stream: &str, lines: &[&[u8]]) {
        self.turn_window();
        let stamp = now().rfc3339();
        let mut batch = Vec::new();
        let mut kept = 0;
        for line in lines {
            if self.kept_in_window > KEPT_BYTES_PER_SECOND {
                self.dropped_in_window += 1;
                continue;
            }
            let before = batch.len();
            batch.extend_from_slice(format!("{stamp} {stream}| ").as_bytes());
            batch.extend_from_slice(&line[..line.len().min(LINE_BYTES)]);
            batch.push(b'\n');
            self.kept_in_window += (batch.len() - before) as u64;
            kept += 1;
        }
        if !batch.is_empty() && self.file.write(&batch).is_err() {
            self.dropped += kept;
        }
    }

    fn turn_window(&mut self) {
        if self.window.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.window = Instant::now();
        self.kept_in_window = 0;
        let dropped = std::mem::take(&mut self.dropped_in_window);
        self.dropped += dropped;
        if dropped > 0 {
            let note =
                format!("{} log| {dropped} lines dropped: more than 2 MiB in a second\n", now().rfc3339());
            let _full = self.file.write(note.as_bytes());
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped + self.dropped_in_window
    }
}

/// Cuts a stream of bytes into lines, keeping at most one line's worth between reads.
#[derive(Default)]
struct Splitter {
    partial: Vec<u8>,
}

impl Splitter {
    fn feed(&mut self, bytes: &[u8], sink: &mut LogSink, stream: &str) {
        let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return self.keep(bytes);
        };
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(&bytes[..last]);
        let lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
        sink.lines(stream, &lines);
        self.keep(&bytes[last + 1..]);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Makes the pipe if it is not there.
pub(crate) fn make_fifo(path: &Path) -> io::Result<()> {
    match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The app's side: it holds the reading end as well, so that it outlives any keeper without a SIGPIPE.
pub(crate) fn app_side(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    // A machine with many pipes may refuse the larger size; the default serves too.
    let _small = rustix::pipe::fcntl_setpipe_size(&file, PIPE_BYTES);
    Ok(file)
}

/// Reads one stream of an instance for as long as the instance is known.
pub(crate) async fn pump(path: PathBuf, stream: &'static str, sink: Rc<RefCell<LogSink>>) {
    // Opened for writing too: with no app at the other end there is silence instead of an endless end of file.
    let Ok(receiver) = pipe::OpenOptions::new().read_write(true).open_receiver(&path) else { return };
    let mut buffer = vec![0; 64 << 10];
    let mut splitter = Splitter::default();
    let mut pace = Pace::new();
    while receiver.readable().await.is_ok() {
        match receiver.try_read(&mut buffer) {
            Ok(count) => {
                splitter.feed(&buffer[..count], &mut sink.borrow_mut(), stream);
                pace.after(count).await;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_broken) => return,
        }
    }
}

/// Holds a reader to its share of the keeper's time.
struct Pace {
    tick: Instant,
    read: usize,
}

impl Pace {
    fn new() -> Self {
        Self { tick: Instant::now(), read: 0 }
    }
    async fn after(&mut self, count: usize) {
        if self.tick.elapsed() >= READ_TICK {
            (self.tick, self.read) = (Instant::now(), 0);
        }
        self.read += count;
        if self.read >= READ_BYTES_PER_TICK {
            tokio::time::sleep(READ_TICK.saturating_sub(self.tick.elapsed())).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
}

/// The last `count` lines of a log, oldest first. Reads at most 256 KiB of each file.
pub(crate) fn tail(path: &Path, count: usize) -> Vec<String> {
    let mut lines = last_lines(path);
    if lines.len() < count {
        let mut before = last_lines(&older(path));
        before.append(&mut lines);
        lines = before;
    }
    lines.split_off(lines.len().saturating_sub(count))
}

fn last_lines(path: &Path) -> Vec<String> {
    const WINDOW: u64 = 256 << 10;
    let read = || -> io::Result<(bool, Vec<u8>)> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = File::open(path)?;
        let start = file.metadata()?.len().saturating_sub(WINDOW);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(WINDOW).read_to_end(&mut bytes)?;
        Ok((start > 0, bytes))
    };
    let Ok((cut, bytes)) = read() else { return Vec::new() };
    String::from_utf8_lossy(&bytes).lines().skip(usize::from(cut)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_whole_however_they_were_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = LogSink::new(path.clone());
        let mut splitter = Splitter::default();
        for part in ["one\ntw", "o\n", "", "\nlast without end"] {
            splitter.feed(part.as_bytes(), &mut sink, "out");
        }
        let texts: Vec<String> =
            tail(&path, 10).iter().map(|line| line.split_once("| ").unwrap().1.to_owned()).collect();
        assert_eq!(texts, ["one", "two", ""]);
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory_and_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = LogSink::new(path.clone());
        let mut splitter = Splitter::default();
        for _ in 0..100 {
            splitter.feed(&[b'x'; 10_000], &mut sink, "err");
        }
        assert!(splitter.partial.len() <= LINE_BYTES);
        splitter.feed(b"\n", &mut sink, "err");
        assert!(path.metadata().unwrap().len() < 2 * LINE_BYTES as u64);
    }

    #[test]
    fn a_flood_is_dropped_counted_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut sink = LogSink::new(path.clone());
        let line = [b'y'; 1_000];
        for _ in 0..5_000 {
            sink.lines("out", &[&line]);
        }
        let kept = path.metadata().unwrap().len();
        assert!(kept <= KEPT_BYTES_PER_SECOND + 2_000, "{kept}");
        assert!(sink.dropped() > 2_000, "{}", sink.dropped());
    }

    #[test]
    fn two_files_hold_the_last_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut file = RotatingFile::new(path.clone());
        let block = vec![b'z'; 1 << 20];
        for _ in 0..20 {
            file.write(&block).unwrap();
        }
        file.write(b"\nend\n").unwrap();
        let total = path.metadata().unwrap().len() + older(&path).metadata().unwrap().len();
        assert!(total <= 2 * FILE_BYTES, "{total}");
        assert_eq!(tail(&path, 1), ["end"]);
    }
}
