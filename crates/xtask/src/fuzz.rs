//! The API against its own document: a released server, and Schemathesis, which makes up requests from it. It finds what
//! answers 5xx, and what answers otherwise than the document says.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::setup;
use crate::shell::{self, quietly, root, run};

/// Long enough for a slow machine to bring up one instance.
const PATIENCE: Duration = Duration::from_secs(60);
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// For about so many seconds.
pub(crate) fn api(seconds: u64) -> Result<(), String> {
    setup::install_fuzzer()?;
    let folder = std::env::temp_dir().join(format!("staunch-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let outcome = within(&folder, seconds);
    drop(staunch(&folder, &["down"]).output());
    // What is left of it is in the system's temporary folder.
    drop(fs::remove_dir_all(&folder));
    outcome
}

fn within(folder: &Path, seconds: u64) -> Result<(), String> {
    let port = free_port()?;
    let app = root().join("examples/app.py");
    let file = format!(
        "service = \"shop\"\nrun = \"python3 {}\"\nlisten = \"127.0.0.1:{}\"\napi = \"127.0.0.1:{port}\"\n",
        app.display(),
        free_port()?
    );
    fs::write(folder.join("staunch.toml"), file).map_err(|error| error.to_string())?;
    let mut up = staunch(folder, &["up"]).stderr(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    ready(folder, &mut up)?;
    let token = staunch(folder, &["token", "create", "fuzzer", "--role", "admin"]).output();
    let token = token.map_err(|error| error.to_string())?.stdout;
    let token = String::from_utf8_lossy(&token).trim().to_owned();
    let document = format!("http://127.0.0.1:{port}/api/v1/openapi.json");
    let header = format!("Authorization: Bearer {token}");
    let deadline = seconds.to_string();
    let program = setup::tools().join("schemathesis").display().to_string();
    let args = ["run", &document, "-H", &header, "--checks", CHECKS, "--exclude-path-regex", STREAMS];
    let more =
        ["--max-time", &deadline, "--max-examples", EXAMPLES, "--request-timeout", "20", "--seed", "1"];
    let args: Vec<&str> = args.into_iter().chain(more).collect();
    let outcome = quietly(&program, &args);
    if up.try_wait().map_err(|error| error.to_string())?.is_some() {
        return Err("the server ended while it was asked".to_owned());
    }
    outcome
}

/// Answers without an end are no answers to compare; they have tests of their own.
const STREAMS: &str = "/(events|watch|changes)$";
/// More than there is time for.
const EXAMPLES: &str = "100000";

fn ready(folder: &Path, up: &mut Child) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if up.try_wait().map_err(|error| error.to_string())?.is_some() {
            return Err("`staunch up` ended".to_owned());
        }
        let status = staunch(folder, &["status", "--output", "json"]).stderr(Stdio::null()).output();
        if status.is_ok_and(|status| String::from_utf8_lossy(&status.stdout).contains("\"healthy\"")) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("`staunch up` did not become healthy".to_owned())
}

fn staunch(folder: &Path, args: &[&str]) -> Command {
    let mut command = shell::staunch();
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|addr| addr.port()).map_err(|error| error.to_string())
}

/// By hand, for ten minutes.
pub(crate) fn long() -> Result<(), String> {
    run("cargo", &["build", "--release", "-p", "staunch"])?;
    api(600)
}
