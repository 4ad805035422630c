use std::os::unix::fs::PermissionsExt;

use staunch_model::{ServiceName, Upstream};
use tempfile::TempDir;

use super::*;

fn spec(command: &[&str], files: &[&str]) -> ServiceSpec {
    let name = ServiceName::try_from("shop".to_owned()).unwrap();
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let files = files.iter().map(|file| (*file).to_owned()).collect();
    ServiceSpec { files, ..ServiceSpec::plain(name, "127.0.0.1:1".parse().unwrap(), command) }
}

struct Project {
    dir: TempDir,
    paths: Paths,
}

impl Project {
    fn new(files: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::create(&dir.path().join(".staunch")).unwrap();
        let project = Self { dir, paths };
        files.iter().for_each(|file| project.write(file, file));
        project
    }
    fn write(&self, file: &str, text: &str) {
        let path = self.dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    fn prepare(&self, spec: &ServiceSpec) -> Result<Revision, SnapshotError> {
        prepare(&self.paths, self.dir.path(), spec, "v1", Timestamp(0))
    }
    fn digest(&self, spec: &ServiceSpec) -> RevisionDigest {
        self.prepare(spec).unwrap().digest
    }
}

#[test]
fn a_later_build_does_not_touch_what_was_prepared() {
    let project = Project::new(&["app.sh", "lib/a.txt", "lib/data/b.txt", "other/c.txt", ".git/HEAD"]);
    let revision = project.prepare(&spec(&["./app.sh"], &["lib/a.txt"])).unwrap();
    for file in ["app.sh", "lib/a.txt", "lib/data/b.txt", "other/c.txt"] {
        project.write(file, "newer");
    }
    let read = |file: &str| std::fs::read_to_string(Path::new(&revision.run.dir).join(file));
    assert_eq!(read("app.sh").unwrap(), "app.sh");
    assert_eq!(read("lib/a.txt").unwrap(), "lib/a.txt");
    assert_eq!(read("lib/data/b.txt").unwrap(), "newer", "what was not declared stays the project's own");
    assert_eq!(read("other/c.txt").unwrap(), "newer");
    assert!(read(".git/HEAD").is_err());
    assert!(read(".staunch/run").is_err());
    let names: Vec<&str> = revision.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, ["app.sh", "lib/a.txt"]);
}

#[test]
fn the_digest_is_the_content_and_nothing_else() {
    let project = Project::new(&["app.sh", "a.txt"]);
    let base = spec(&["./app.sh"], &["a.txt"]);
    let first = project.digest(&base);
    project.write("a.txt", "changed");
    let changed = project.digest(&base);
    assert_ne!(first, changed);
    project.write("a.txt", "a.txt");
    assert_eq!(first, project.digest(&base), "the time of a file is not its content");

    let program = project.dir.path().join("app.sh");
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let executable = project.digest(&base);
    let mut with_env = base.clone();
    with_env.env.insert("A".to_owned(), "1".to_owned());
    let mut with_word = base.clone();
    with_word.command.push("-v".to_owned());
    let mut with_upstream = base.clone();
    with_upstream.upstream = Upstream::H2c;
    let mut with_id = base.clone();
    with_id.id = Some("build-1".to_owned().try_into().unwrap());
    let all = [&with_env, &with_word, &with_upstream, &with_id, &base].map(|spec| project.digest(spec));
    let distinct: BTreeSet<_> = all.iter().chain([&first, &changed, &executable]).collect();
    assert_eq!(distinct.len(), 7, "the base with its program bit is the same as `executable`");

    let identified = project.digest(&with_id);
    project.write("a.txt", "whatever");
    assert_eq!(project.digest(&with_id), identified, "a given id stands for the files");
}

#[test]
fn folders_patterns_links_and_words_are_found() {
    let project = Project::new(&["src/a.py", "src/deep/b.py", "conf/app.toml", "x1.txt", "x2.txt"]);
    std::os::unix::fs::symlink("a.py", project.dir.path().join("src/link.py")).unwrap();
    let revision =
        project.prepare(&spec(&["sh", "--config=conf/app.toml", "absent"], &["src", "x*.txt"])).unwrap();
    let inside: Vec<&str> =
        revision.files.iter().map(|file| file.path.as_str()).filter(|path| !path.starts_with('/')).collect();
    assert_eq!(inside, ["conf/app.toml", "src/a.py", "src/deep/b.py", "src/link.py", "x1.txt", "x2.txt"]);
    assert!(revision.files.iter().any(|file| file.path.ends_with("/sh")), "the machine's program is hashed");
    let link = Path::new(&revision.run.dir).join("src/link.py");
    assert_eq!(std::fs::read_link(link).unwrap(), Path::new("a.py"));
}

#[test]
fn each_refusal_names_the_path_and_leaves_nothing() {
    let project = Project::new(&["app.sh"]);
    let refused =
        |command: &[&str], files: &[&str]| project.prepare(&spec(command, files)).unwrap_err().to_string();
    assert!(refused(&["./app.sh"], &["gone.txt"]).contains("gone.txt"));
    assert!(refused(&["./app.sh"], &["*.gone"]).contains("*.gone"));
    assert!(refused(&["./app.sh"], &["../up.txt"]).contains("../up.txt"));
    assert!(refused(&["./no-app"], &[]).contains("./no-app"));
    let sparse = std::fs::File::create(project.dir.path().join("huge.bin")).unwrap();
    sparse.set_len(3 << 30).unwrap();
    assert!(refused(&["./app.sh"], &["huge.bin"]).contains("huge.bin (3072 MiB)"));
    assert_eq!(std::fs::read_dir(project.paths.revisions()).unwrap().count(), 0);
}

#[test]
fn only_what_is_named_is_kept() {
    let project = Project::new(&["app.sh", "a.txt"]);
    let first = project.digest(&spec(&["./app.sh"], &[]));
    let second = project.digest(&spec(&["./app.sh", "-v"], &[]));
    let again = project.paths.revision(&first).metadata().unwrap().modified().unwrap();
    project.digest(&spec(&["./app.sh"], &[]));
    assert_eq!(
        project.paths.revision(&first).metadata().unwrap().modified().unwrap(),
        again,
        "not copied again"
    );
    std::fs::create_dir(project.paths.revisions().join(".work-0-1")).unwrap();
    collect_garbage(&project.paths, &BTreeSet::from([second.clone()]));
    let left: Vec<_> = std::fs::read_dir(project.paths.revisions()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].path(), project.paths.revision(&second));
    assert!(project.dir.path().join("a.txt").exists(), "links are removed, not what they lead to");
}
