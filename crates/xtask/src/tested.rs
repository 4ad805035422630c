//! What is compiled for no test must have none: a test that is never built cannot fail.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::layers::packages;

/// Unit tests where `test = false` leaves them out.
pub(crate) fn check() -> Result<(), String> {
    for library in libraries()?.iter().filter(|library| !library.tested) {
        let forgotten = sources(&library.folder)?.into_iter().find(|(_, text)| text.contains("#[test]"));
        if let Some((path, _)) = forgotten {
            return Err(format!(
                "{}: its tests are never built, see [lib] in its Cargo.toml",
                path.display()
            ));
        }
    }
    Ok(())
}

/// Packages whose documentation shows code, which `cargo test --doc` runs. Looking is quicker than letting it look.
pub(crate) fn with_examples() -> Result<Vec<String>, String> {
    let mut found = vec![];
    for library in libraries()? {
        if sources(&library.folder)?.iter().any(|(_, text)| text.lines().any(shows_code)) {
            found.push(library.package);
        }
    }
    Ok(found)
}

/// A fence, or what is indented like code.
fn shows_code(line: &str) -> bool {
    let line = line.trim_start();
    let words = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
    words.is_some_and(|words| words.contains("```") || words.starts_with("     "))
}

struct Library {
    package: String,
    folder: PathBuf,
    tested: bool,
}

fn libraries() -> Result<Vec<Library>, String> {
    Ok(packages()?.iter().filter_map(library).collect())
}

fn library(package: &Value) -> Option<Library> {
    let targets = package["targets"].as_array()?;
    let target = targets.iter().find(|target| target["kind"] == serde_json::json!(["lib"]))?;
    Some(Library {
        package: package["name"].as_str()?.to_owned(),
        folder: Path::new(target["src_path"].as_str()?).parent()?.to_owned(),
        tested: target["test"] == true,
    })
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).map_err(told)?;
            found.push((path, text));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_documentation_is_found() {
        assert!(shows_code("    /// ```"));
        assert!(shows_code("//!     let one = 1;"));
        assert!(!shows_code("/// `one` of them"));
        assert!(!shows_code("let fence = \"```\";"));
    }

    #[test]
    fn no_test_is_left_out() {
        assert_eq!(check(), Ok(()));
        assert!(libraries().unwrap().iter().any(|library| library.tested));
    }
}
