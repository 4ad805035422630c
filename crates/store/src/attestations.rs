//! Attestations as files: one for each environment, service and artifact, written whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use staunch_model::{Attestation, ServiceName};
use staunch_ports::Attestor;

/// A folder that is not ours may hold anything: larger files and more of them are not read.
const LARGEST: u64 = 64 << 10;
const MOST: usize = 10_000;

/// `base` is what relative folders are relative to; `complain` tells people.
#[derive(Debug, Clone)]
pub struct FileAttestor {
    base: PathBuf,
    complain: fn(&str),
}

impl FileAttestor {
    pub fn new(base: &Path, complain: fn(&str)) -> Self {
        Self { base: base.to_owned(), complain }
    }
}

impl Attestor for FileAttestor {
    fn attest(&self, folder: &str, word: &Attestation) -> Result<(), String> {
        let folder = self.base.join(folder);
        let written = fs::create_dir_all(&folder).and_then(|()| write(&folder, word));
        written.map_err(|error| format!("the bake could not be attested in {}: {error}", folder.display()))
    }

    fn complain(&self, why: &str) {
        (self.complain)(why);
    }

    fn attested(&self, folder: &str, service: &ServiceName) -> Vec<Attestation> {
        let Ok(entries) = fs::read_dir(self.base.join(folder)) else { return vec![] };
        let prefix = format!("{service}.");
        let ours = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
        let words = ours.take(MOST).filter_map(|entry| read(&entry.path()));
        words.filter(|word| &word.service == service).collect()
    }
}

fn write(folder: &Path, word: &Attestation) -> std::io::Result<()> {
    let id: String = word.artifact.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    let name = format!("{}.{}.{id}.json", word.service, word.environment);
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    fs::write(&draft, serde_json::to_vec_pretty(word)?)?;
    fs::rename(&draft, folder.join(name))
}

fn read(path: &Path) -> Option<Attestation> {
    let small = fs::metadata(path).ok().is_some_and(|about| about.is_file() && about.len() <= LARGEST);
    small.then(|| serde_json::from_slice(&fs::read(path).ok()?).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use staunch_model::{RevisionDigest, Timestamp};

    use super::*;

    fn word(environment: &str, artifact: &str) -> Attestation {
        Attestation {
            environment: environment.to_owned(),
            service: ServiceName::try_from("shop".to_owned()).unwrap(),
            artifact: artifact.to_owned(),
            digest: RevisionDigest::from_sha256([1; 32]),
            version: "1.4.2".to_owned(),
            rollout: 7,
            at: Timestamp(1),
        }
    }

    #[test]
    fn what_was_attested_is_heard_and_what_is_broken_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let attestor = FileAttestor::new(dir.path(), |_| {});
        let shop = word("staging", "files:aa").service;
        assert_eq!(attestor.attested("words", &shop), []);
        attestor.attest("words", &word("staging", "files:aa")).unwrap();
        attestor.attest("words", &word("staging", "files:aa")).unwrap();
        fs::write(dir.path().join("words/shop.staging.bad.json"), "{\"environment\":").unwrap();
        fs::create_dir(dir.path().join("words/shop.folder")).unwrap();
        assert_eq!(attestor.attested("words", &shop), [word("staging", "files:aa")]);
        // A sister whose name begins alike is another service.
        let sister = ServiceName::try_from("sho".to_owned()).unwrap();
        assert_eq!(attestor.attested("words", &sister), []);
    }
}
