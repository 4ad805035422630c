//! The file by which an instance says that it is ready: in a folder of its own, gone before each start.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use staunch_model::{HealthSpec, InstanceId, ProbeTarget};

use crate::launch::LaunchError;
use crate::paths::Paths;
use crate::protocol::InstanceSpec;

/// The instance finds the whole path of its file in this variable.
pub(crate) const VARIABLE: &str = "STAUNCH_READY_FILE";

/// Tells the instance where its file is, if it is asked for one.
pub(crate) fn tell(env: &mut BTreeMap<String, String>, paths: &Paths, id: &InstanceId, health: &HealthSpec) {
    if let ProbeTarget::File { path } = &health.ready.target {
        let whole = paths.instance(id).join(path);
        env.insert(VARIABLE.to_owned(), whole.to_string_lossy().into_owned());
    }
}

/// Whether it is there.
///
/// # Errors
/// In words, with the place.
pub(crate) fn look(spec: &InstanceSpec) -> Result<String, String> {
    let Some(path) = of(spec) else { return Err("nobody told the instance where to write it".to_owned()) };
    if path.is_file() {
        Ok("written".to_owned())
    } else {
        Err(format!("not yet written ({})", path.display()))
    }
}

/// What an earlier process wrote says nothing of the next one. Makes the folder too.
///
/// # Errors
/// The folder cannot be made, or the old file cannot be removed: then it would be taken for a new one.
pub(crate) fn clear(spec: &InstanceSpec) -> Result<(), LaunchError> {
    let Some(path) = of(spec) else { return Ok(()) };
    let later = |error: io::Error| LaunchError::Later(format!("{}: {error}", path.display()));
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(later)?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(later(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn of(spec: &InstanceSpec) -> Option<&Path> {
    spec.env.get(VARIABLE).map(Path::new)
}

/// The folders of instances whose revision is gone.
pub(crate) fn remove_folders(folder: &Path, keeps: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if !keeps(&entry.file_name().to_string_lossy()) {
            let _tried_again_next_time = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Paths {
    /// The folder of an instance's own.
    pub(crate) fn instance(&self, id: &InstanceId) -> PathBuf {
        self.instances().join(&id.0)
    }

    pub(crate) fn instances(&self) -> PathBuf {
        self.run().join("instances")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use staunch_model::{ProbeSpec, RevisionDigest, ServiceName, StopSignal};

    use super::*;

    fn worker(paths: &Paths) -> InstanceSpec {
        let id = InstanceId("mailer-1".to_owned());
        let target = ProbeTarget::File { path: "run/ready".to_owned() };
        let ready = ProbeSpec { target, ..ProbeSpec::default() };
        let health = HealthSpec { ready, live: None, start_timeout: Duration::from_secs(1) };
        let mut env = BTreeMap::new();
        tell(&mut env, paths, &id, &health);
        InstanceSpec {
            id,
            service: ServiceName::try_from("mailer".to_owned()).unwrap(),
            revision: RevisionDigest::from_sha256([1; 32]),
            command: vec![],
            dir: "/".into(),
            env,
            port: 1,
            stop_signal: StopSignal::Term,
            ask_leader: true,
            grace_ms: 0,
            health,
        }
    }

    #[test]
    fn what_an_earlier_process_wrote_says_nothing_of_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let spec = worker(&Paths::create(dir.path()).unwrap());
        assert_eq!(clear(&spec), Ok(()));
        assert!(look(&spec).unwrap_err().contains("not yet written"));
        std::fs::write(&spec.env[VARIABLE], "").unwrap();
        assert_eq!(look(&spec).as_deref(), Ok("written"));
        assert_eq!(clear(&spec), Ok(()));
        assert!(look(&spec).is_err());
    }

    #[test]
    fn folders_of_revisions_that_are_gone_go_too() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::create(dir.path()).unwrap();
        clear(&worker(&paths)).unwrap();
        remove_folders(&paths.instances(), |name| name.starts_with("mailer"));
        assert!(paths.instance(&InstanceId("mailer-1".to_owned())).is_dir());
        remove_folders(&paths.instances(), |_| false);
        assert_eq!(std::fs::read_dir(paths.instances()).unwrap().count(), 0);
    }
}
