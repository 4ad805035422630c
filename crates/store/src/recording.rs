//! Recordings of rollouts: one file each, gzipped lines, bounded in size and number.
//!
//! They are not history: they may be torn, removed or left out, and the journal is whole without them. A file is a row
//! of gzip members, so that every tool reads it (`zcat`), and one that was cut off loses its last second alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use staunch_model::RolloutId;
use staunch_ports::{Recorder, Recordings};

const MODE: u32 = 0o600;
/// An hour of a busy service takes about 15 MB; what is longer ends here.
const MOST_BYTES: u64 = 64 << 20;
/// The newest recordings that are kept.
const MOST_FILES: usize = 40;
/// Blocks that wait for a slow disk; a block is about a second.
const WAITING: usize = 64;
const SUFFIX: &str = ".jsonl.gz";

struct Block {
    rollout: RolloutId,
    lines: Vec<String>,
}

/// Writes on a thread of its own. A recording that the disk cannot follow ends where it fell behind.
pub struct FileRecorder {
    dir: PathBuf,
    blocks: SyncSender<Block>,
    /// Recordings with a gap: what came after it would not replay.
    ended: Vec<RolloutId>,
}

impl FileRecorder {
    /// Recordings are kept in `dir`, which is created when the first one begins.
    pub fn new(dir: &Path) -> io::Result<Self> {
        let (blocks, inbox) = sync_channel(WAITING);
        let dir = dir.to_owned();
        let place = dir.clone();
        std::thread::Builder::new().name("recorder".to_owned()).spawn(move || write_all(&place, &inbox))?;
        Ok(Self { dir, blocks, ended: vec![] })
    }
}

impl Recorder for FileRecorder {
    fn append(&mut self, rollout: RolloutId, lines: Vec<String>) {
        if self.ended.contains(&rollout) {
            return;
        }
        match self.blocks.try_send(Block { rollout, lines }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.ended.push(rollout),
        }
    }

    fn recordings(&self) -> Arc<dyn Recordings> {
        Arc::new(FileRecordings(self.dir.clone()))
    }
}

/// Reads what a [`FileRecorder`] writes, while it does.
struct FileRecordings(PathBuf);

impl Recordings for FileRecordings {
    fn lines(&self, rollout: RolloutId) -> Box<dyn Iterator<Item = String>> {
        let Ok(file) = File::open(path_of(&self.0, rollout)) else { return Box::new(std::iter::empty()) };
        let text = BufReader::new(MultiGzDecoder::new(BufReader::new(file))).take(MOST_TEXT);
        Box::new(text.lines().map_while(Result::ok))
    }
}

fn write_all(dir: &Path, inbox: &Receiver<Block>) {
    let mut ended: Vec<RolloutId> = vec![];
    for block in inbox {
        // A full disk ends the recording, not the rollout.
        if !ended.contains(&block.rollout) && write(dir, &block).is_err() {
            ended.push(block.rollout);
        }
    }
}

fn write(dir: &Path, block: &Block) -> io::Result<()> {
    let path = path_of(dir, block.rollout);
    if !path.exists() {
        fs::create_dir_all(dir)?;
        forget_old(dir)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(MODE).open(&path)?;
    if file.metadata()?.len() >= MOST_BYTES {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    let mut member = GzEncoder::new(file, Compression::fast());
    for line in &block.lines {
        member.write_all(line.as_bytes())?;
        member.write_all(b"\n")?;
    }
    member.finish().map(drop)
}

fn forget_old(dir: &Path) -> io::Result<()> {
    let known = recordings(dir)?;
    for (_, path) in known.iter().take((known.len() + 1).saturating_sub(MOST_FILES)) {
        fs::remove_file(path)?;
    }
    Ok(())
}

fn path_of(dir: &Path, rollout: RolloutId) -> PathBuf {
    dir.join(format!("{rollout}{SUFFIX}"))
}

/// The recordings in a directory, oldest first; none when there is no directory.
pub fn recordings(dir: &Path) -> io::Result<Vec<(RolloutId, PathBuf)>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let number = |path: &Path| {
        let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
        name.parse().ok().map(RolloutId)
    };
    let mut found: Vec<_> =
        entries.flatten().filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
    found.sort();
    Ok(found)
}

#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
}

/// The lines of a recording, and whether its end is torn.
pub struct Lines {
    pub lines: Vec<String>,
    /// The file was cut off or damaged: everything before is here.
    pub torn: bool,
}

/// Plain lines are read as well as gzipped ones. Bounded: what decompresses to more than 4 GB is cut off as torn.
pub fn read_recording(path: &Path) -> Result<Lines, RecordingError> {
    let fail = |source| RecordingError::Unreadable { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(fail)?);
    let zipped = reader.fill_buf().map_err(fail)?.starts_with(&[0x1f, 0x8b]);
    Ok(if zipped { collect(BufReader::new(MultiGzDecoder::new(reader))) } else { collect(reader) })
}

const MOST_TEXT: u64 = 4 << 30;

fn collect(reader: impl BufRead) -> Lines {
    let (mut lines, mut torn, mut bytes) = (vec![], false, 0_u64);
    for line in reader.take(MOST_TEXT + 1).lines() {
        let Ok(line) = line else {
            torn = true;
            break;
        };
        bytes += line.len() as u64 + 1;
        if bytes > MOST_TEXT {
            torn = true;
            break;
        }
        lines.push(line);
    }
    Lines { lines, torn }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(of: &[&str]) -> Vec<String> {
        of.iter().map(|line| (*line).to_owned()).collect()
    }

    fn block(rollout: u64, of: &[&str]) -> Block {
        Block { rollout: RolloutId(rollout), lines: lines(of) }
    }

    #[test]
    fn blocks_become_one_file_that_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &block(7, &["{\"a\":1}", "b"])).unwrap();
        write(dir.path(), &block(7, &["c"])).unwrap();
        let path = path_of(dir.path(), RolloutId(7));
        let read = read_recording(&path).unwrap();
        assert_eq!((read.lines, read.torn), (lines(&["{\"a\":1}", "b", "c"]), false));
        fs::write(dir.path().join("plain"), "x\ny\n").unwrap();
        assert_eq!(read_recording(&dir.path().join("plain")).unwrap().lines, lines(&["x", "y"]));
    }

    #[test]
    fn a_torn_end_loses_the_last_block_alone() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &block(1, &["first"])).unwrap();
        write(dir.path(), &block(1, &["second"])).unwrap();
        let path = path_of(dir.path(), RolloutId(1));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 10]).unwrap();
        let read = read_recording(&path).unwrap();
        assert!(read.torn && read.lines[0] == "first", "{:?}", read.lines);
    }

    #[test]
    fn old_recordings_make_room_for_new_ones() {
        let dir = tempfile::tempdir().unwrap();
        for rollout in 1..=MOST_FILES as u64 + 3 {
            write(dir.path(), &block(rollout, &["x"])).unwrap();
        }
        let known = recordings(dir.path()).unwrap();
        assert_eq!((known.len(), known[0].0), (MOST_FILES, RolloutId(4)));
    }

    #[test]
    fn a_recorder_writes_behind_the_loop() {
        let dir = tempfile::tempdir().unwrap();
        let mut recorder = FileRecorder::new(&dir.path().join("recordings")).unwrap();
        recorder.append(RolloutId(3), lines(&["one"]));
        recorder.append(RolloutId(3), lines(&["two"]));
        let path = path_of(&dir.path().join("recordings"), RolloutId(3));
        let read = || read_recording(&path).map(|read| read.lines).unwrap_or_default();
        let reader = recorder.recordings();
        assert_eq!(reader.lines(RolloutId(9)).count(), 0);
        let written = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            read() == lines(&["one", "two"])
        });
        assert!(written, "{:?}", read());
        assert_eq!(reader.lines(RolloutId(3)).collect::<Vec<_>>(), lines(&["one", "two"]));
    }
}
