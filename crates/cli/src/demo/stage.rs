//! The demo's stage: a temporary project with its own data directory, ports and control plane. Striking it leaves
//! nothing, and so does any death of the demo: the control plane ends when its standard input closes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::remote::Remote;
use crate::term::Term;

const START_PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) listen: SocketAddr,
    pub(crate) remote: Remote,
    control: Child,
    /// Its end is the control plane's end. Apart from the child, since waiting for a child closes its input.
    lifeline: Option<ChildStdin>,
    dir: tempfile::TempDir,
}

/// What is shipped next.
pub(crate) struct Release {
    number: u32,
    checkout_fails: f64,
    pub(crate) reason: &'static str,
}

impl Release {
    pub(crate) fn good(number: u32) -> Self {
        Self { number, checkout_fails: 0.0, reason: "a better shop" }
    }
    pub(crate) fn bad(number: u32) -> Self {
        Self { number, checkout_fails: 0.3, reason: "a new checkout" }
    }
}

impl Stage {
    pub(crate) async fn raise() -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("staunch-demo-").tempdir()?;
        let listen = free_address()?;
        let place =
            Place { file: dir.path().join("staunch.toml"), data: dir.path().join("data"), environment: None };
        std::fs::write(&place.file, configuration(listen, &Release::good(1)))?;
        let log = std::fs::File::create(dir.path().join("control.log"))?;
        let mut control = Command::new(std::env::current_exe()?)
            .arg("--file")
            .arg(&place.file)
            .arg("--data")
            .arg(&place.data)
            .args(["--progress", "plain", "up", "--ephemeral"])
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C is for the demo, which then strikes the stage in order.
            .process_group(0)
            .spawn()?;
        let lifeline = control.stdin.take();
        let remote = Remote::of_place(&place);
        let raised = tokio::select! {
            raised = until_healthy(&remote) => raised,
            _ = control.wait() => Err(Failure::new(Exit::Internal, "the demo's control plane ended at once")),
        };
        let log = dir.path().join("control.log");
        raised.map_err(|failure| {
            let told = std::fs::read_to_string(&log).unwrap_or_default();
            Failure { help: Some(told), ..failure }
        })?;
        Ok(Self { listen, remote, control, lifeline, dir })
    }

    /// Puts a release into the file; deploying it is another matter.
    pub(crate) fn write(&self, release: &Release) -> Result<(), Failure> {
        std::fs::write(self.dir.path().join("staunch.toml"), configuration(self.listen, release))?;
        Ok(())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) async fn page(&self) -> Result<String, Failure> {
        Ok(format!("http://{}/", self.remote.meta().await?.tcp))
    }

    pub(crate) async fn strike(mut self) {
        // Closing its input says the same as asking; either way it is waited for.
        drop(self.remote.shutdown().await);
        drop(self.lifeline.take());
        drop(tokio::time::timeout(Duration::from_secs(30), self.control.wait()).await);
    }
}

async fn until_healthy(remote: &Remote) -> Result<(), Failure> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        let service = remote.service("shop").await;
        if service.as_ref().is_ok_and(|service| service.health == "healthy") {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let text = "the demo's shop did not become healthy in 20 s";
            return Err(service.err().unwrap_or_else(|| Failure::new(Exit::Internal, text)));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn free_address() -> Result<SocketAddr, Failure> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(probe.local_addr()?)
}

fn configuration(listen: SocketAddr, release: &Release) -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let program = serde_json::Value::String(program.to_string_lossy().into_owned());
    let Release { number, checkout_fails, .. } = release;
    format!(
        r#"service = "shop"
run = [{program}, "demo-shop"]
listen = "{listen}"
version = "v{number}"
api = "127.0.0.1:0"
env = {{ SHOP_RELEASE = "{number}", SHOP_CHECKOUT_FAILS = "{checkout_fails}" }}

[health]
path = "/healthz"

[canary]
steps = [5, 25, 50, 100]
hold = "1s"
bake = "3s"

[gates]
error-rate = {{ max = "1%" }}
latency-p95 = {{ max-vs-stable = "+20%" }}

[evidence]
warm-up = "1s"   # the shop has nothing to warm up
"#
    )
}

/// Raw mode while it lives.
pub(crate) struct Raw;

impl Raw {
    pub(crate) fn pause(&self) {
        drop(disable_raw_mode());
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        drop(disable_raw_mode());
    }
}

/// Single keys on a terminal; lines elsewhere, and the end of input is `q`.
pub(crate) fn prompt(term: &Term) -> (mpsc::Receiver<char>, Option<Raw>) {
    if term.live && enable_raw_mode().is_ok() {
        return (crate::keys::listen(), Some(Raw));
    }
    let (keys, heard) = mpsc::channel(4);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if keys.blocking_send(line.trim().chars().next().unwrap_or(' ')).is_err() {
                return;
            }
        }
    });
    (heard, None)
}
