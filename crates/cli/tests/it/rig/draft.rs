//! A `staunch.toml` in the making: the sample app with one fault, and a path short enough for a test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

#[derive(Debug, Clone)]
pub(crate) struct Draft {
    version: String,
    fault: &'static str,
    run: Option<String>,
    /// Nobody calls it.
    worker: bool,
    /// Section → key → TOML value; the empty section is the top level.
    keys: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
}

impl Draft {
    /// A healthy release on a path of about two seconds.
    pub(crate) fn release(number: u32) -> Self {
        Self { version: format!("v{number}"), fault: "none", run: None, worker: false, keys: BTreeMap::new() }
            .set("health", "path", "'/healthz'")
            .set("health", "interval", "'50ms'")
            .set("stop", "drain", "'2s'")
            .set("stop", "grace", "'2s'")
            .set("canary", "steps", "[20, 50, 100]")
            .set("canary", "hold", "'200ms'")
            .set("canary", "bake", "'500ms'")
            .set("gates", "error-rate", "{ max = '10%' }")
            // Half a percent takes longer to show than a story should last.
            .set("gates", "blast-radius", "'5%'")
            .set("evidence", "warm-up", "'0s'")
    }

    /// A healthy release of the sample worker.
    pub(crate) fn worker(number: u32) -> Self {
        let keys = BTreeMap::new();
        Self { version: format!("v{number}"), fault: "none", run: None, worker: true, keys }
            .set("health", "ready-file", "'ready'")
            .set("health", "interval", "'50ms'")
            .set("stop", "grace", "'5s'")
            .set("rolling", "hold", "'200ms'")
            .set("rolling", "bake", "'500ms'")
            .set("evidence", "warm-up", "'0s'")
    }

    /// One of the faults of the sample app.
    pub(crate) fn fault(self, fault: &'static str) -> Self {
        Self { fault, ..self }
    }

    pub(crate) fn run(self, command: &str) -> Self {
        Self { run: Some(format!("[{command:?}]")), ..self }
    }

    /// The sample app, started by a line of shell.
    pub(crate) fn after(self, line: &str) -> Self {
        let own = self.command();
        let words = own.trim_matches(['[', ']']);
        Self { run: Some(format!("['sh', '-c', '{line}; exec \"$0\" \"$@\"', {words}]")), ..self }
    }

    pub(crate) fn set(mut self, section: &'static str, key: &'static str, value: &str) -> Self {
        self.keys.entry(section).or_default().insert(key, value.to_owned());
        self
    }

    /// As one of several services.
    pub(crate) fn service(&self, name: &str, listen: SocketAddr) -> String {
        self.table(name, &format!("listen = '{listen}'"))
    }

    /// As a worker among several services.
    pub(crate) fn as_worker(&self, name: &str) -> String {
        self.table(name, "kind = 'worker'")
    }

    fn command(&self) -> String {
        let sample = if self.worker { crate::app::worker } else { crate::app::command };
        self.run.clone().unwrap_or_else(sample)
    }

    fn table(&self, name: &str, reached: &str) -> String {
        let run = self.command();
        let mut text = format!(
            "\n[services.{name}]\nrun = {run}\n{reached}\nversion = '{0}'\n\
             env = {{ APP_RELEASE = '{0}', APP_FAULT = '{1}' }}\n",
            self.version, self.fault
        );
        for (section, keys) in &self.keys {
            let _ = writeln!(text, "\n[services.{name}.{section}]");
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text
    }

    /// The same release on another path.
    pub(crate) fn without(mut self, section: &'static str) -> Self {
        self.keys.remove(section);
        self
    }

    pub(crate) fn text(&self, listen: SocketAddr) -> String {
        let run = self.command();
        let reached = if self.worker { "kind = 'worker'".to_owned() } else { format!("listen = '{listen}'") };
        let mut text = format!(
            "service = 'shop'\nrun = {run}\n{reached}\nversion = '{0}'\napi = '127.0.0.1:0'\n\
             env = {{ APP_RELEASE = '{0}', APP_FAULT = '{1}' }}\n",
            self.version, self.fault
        );
        for (section, keys) in &self.keys {
            if !section.is_empty() {
                let _ = writeln!(text, "\n[{section}]");
            }
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text
    }
}
