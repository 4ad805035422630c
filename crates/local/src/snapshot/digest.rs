//! The identity of a revision, from everything that makes a difference to what runs.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use staunch_model::{FileHash, RevisionDigest, ServiceSpec, Upstream};

use super::SnapshotError;
use super::resolve::{Content, Kind};

const SCHEME: &str = "staunch revision 1";

/// One hash for each file, in the order of their paths; programs outside of the project come last.
pub(super) fn hash_all(content: &Content) -> Result<Vec<FileHash>, SnapshotError> {
    let inside = content.inside.iter().map(|(path, kind)| (path, content.project.join(path), *kind));
    let outside = content.outside.iter().map(|path| (path, path.clone(), Kind::File));
    let hashed = inside.chain(outside).map(|(path, whole, kind)| {
        let hash = match kind {
            Kind::File => hash_file(&whole, &mut io::sink()),
            Kind::Link => std::fs::read_link(&whole).map(|target| hash_link(&target)),
        };
        let sha256 = hash.map_err(|source| SnapshotError::Unreadable { path: whole, source })?;
        Ok(FileHash { path: path.to_string_lossy().into_owned(), sha256 })
    });
    hashed.collect()
}

/// Reads once, writes what it read to `copy`, and hashes it with the bit that makes it a program.
///
/// # Errors
/// The reader's or the writer's.
pub(super) fn hash_file(path: &Path, copy: &mut impl Write) -> io::Result<String> {
    let mut file = File::open(path)?;
    let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
    let mut hasher = Sha256::new();
    hasher.update([u8::from(executable)]);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
        copy.write_all(&buffer[..count])?;
    }
}

fn hash_link(target: &Path) -> String {
    let mut hasher = Sha256::new();
    hasher.update([2]);
    hasher.update(target.as_os_str().as_bytes());
    hex(&hasher.finalize())
}

/// A given `id` stands for the files.
pub(super) fn of(spec: &ServiceSpec, files: &[FileHash]) -> RevisionDigest {
    let mut hasher = Sha256::new();
    let mut fields: Vec<&str> = vec![SCHEME, spec.name.as_str()];
    fields.push(match spec.upstream {
        Upstream::Http1 => "http1",
        Upstream::H2c => "h2c",
    });
    add_list(&mut hasher, &fields);
    add_list(&mut hasher, &spec.command);
    add_list(&mut hasher, spec.env.iter().flat_map(|(name, value)| [name, value]));
    // Only where there are any: what had none keeps its name.
    if let Some(infra) = &spec.infra {
        add_list(&mut hasher, &infra.apply);
        add_list(&mut hasher, infra.verify.iter().flatten());
        add_list(&mut hasher, infra.undo.iter().flatten());
    }
    match &spec.id {
        Some(id) => add_list(&mut hasher, ["id", id.as_str()]),
        None => add_list(&mut hasher, files.iter().flat_map(|file| [&file.path, &file.sha256])),
    }
    RevisionDigest::from_sha256(hasher.finalize().into())
}

/// Lengths before the texts: no two different lists read the same.
fn add_list(hasher: &mut Sha256, items: impl IntoIterator<Item = impl AsRef<str>>) {
    let items: Vec<_> = items.into_iter().collect();
    hasher.update((items.len() as u64).to_le_bytes());
    for item in &items {
        hasher.update((item.as_ref().len() as u64).to_le_bytes());
        hasher.update(item.as_ref().as_bytes());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
