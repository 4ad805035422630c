//! The page: its types, its built files, and its stories in a browser.

use crate::shell;

/// Builds `dashboard/dist`, which is committed: building the binary needs no Node.
pub(crate) fn write() -> Result<(), String> {
    install()?;
    npm(&["run", "--silent", "build"])
}

/// The committed files are what the sources give, byte for byte.
pub(crate) fn check() -> Result<(), String> {
    install()?;
    npm(&["run", "--silent", "check"])
}

/// In Chromium, against the released binary.
pub(crate) fn test() -> Result<(), String> {
    story("test")
}

/// The same of the demo, which needs the machine to itself.
pub(crate) fn demo() -> Result<(), String> {
    story("test:demo")
}

fn story(script: &str) -> Result<(), String> {
    if !shell::root().join("dashboard/node_modules").exists() {
        install()?;
    }
    npm(&["run", "--silent", script])
}

fn install() -> Result<(), String> {
    npm(&["ci", "--silent"])
}

fn npm(args: &[&str]) -> Result<(), String> {
    let folder = shell::root().join("dashboard");
    let folder = folder.to_string_lossy();
    let mut all = vec!["--prefix", &folder];
    all.extend(args);
    shell::quietly("npm", &all)
}
