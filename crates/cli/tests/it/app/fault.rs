//! The ways to be ill.

use std::io::Write as _;
use std::process::exit;
use std::thread::{sleep, spawn};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Every page is a 500.
    Errors,
    /// One page in five is a 500.
    SomeErrors,
    /// Only the checkout is a 500.
    OneRoute,
    Hangs,
    HalfBody,
    Resets,
    /// 100 ms more on every page.
    Slow,
    ExitsAtOnce,
    NeverReady,
    CrashesWhenReady,
    Deaf,
    Floods,
    Leaks,
    /// Keeps a megabyte of each page.
    Hungry,
    /// Takes its time until it listens.
    SlowStart,
    /// Its offers have another price.
    OtherPrice,
    /// An answer that never ends.
    Endless,
    /// One in eight of its first pages is a 500.
    Cold,
    /// A core is busy with nothing.
    Spins,
}

const NAMES: [(&str, Fault); 20] = [
    ("none", Fault::None),
    ("errors", Fault::Errors),
    ("some-errors", Fault::SomeErrors),
    ("one-route", Fault::OneRoute),
    ("hangs", Fault::Hangs),
    ("half-body", Fault::HalfBody),
    ("resets", Fault::Resets),
    ("slow", Fault::Slow),
    ("exits-at-once", Fault::ExitsAtOnce),
    ("never-ready", Fault::NeverReady),
    ("crashes-when-ready", Fault::CrashesWhenReady),
    ("deaf", Fault::Deaf),
    ("floods", Fault::Floods),
    ("leaks", Fault::Leaks),
    ("hungry", Fault::Hungry),
    ("slow-start", Fault::SlowStart),
    ("other-price", Fault::OtherPrice),
    ("endless", Fault::Endless),
    ("cold", Fault::Cold),
    ("spins", Fault::Spins),
];

impl Fault {
    pub(crate) fn named(name: &str) -> Self {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault).expect("a fault of the list")
    }

    /// What happens before it serves, or beside it.
    pub(crate) fn begin(self) {
        match self {
            Self::ExitsAtOnce => {
                say("cannot read its settings: no such file");
                exit(7);
            }
            Self::SlowStart => sleep(Duration::from_millis(1_500)),
            Self::CrashesWhenReady => drop(spawn(|| {
                sleep(Duration::from_millis(400));
                say("out of cheese");
                exit(3);
            })),
            Self::Deaf => drop(spawn(ignore_sigterm)),
            Self::Floods => drop(spawn(flood)),
            Self::Leaks => drop(spawn(leak)),
            Self::Spins => drop(spawn(spin)),
            Self::None
            | Self::Errors
            | Self::SomeErrors
            | Self::OneRoute
            | Self::Hangs
            | Self::HalfBody
            | Self::Resets
            | Self::Slow
            | Self::OtherPrice
            | Self::Endless
            | Self::Cold
            | Self::Hungry
            | Self::NeverReady => {}
        }
    }
}

pub(super) fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

fn ignore_sigterm() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let terminate = tokio::signal::unix::SignalKind::terminate();
        let mut asked = tokio::signal::unix::signal(terminate).unwrap();
        while asked.recv().await.is_some() {
            say("asked to stop, and will not");
        }
    });
}

/// As fast as it is let, without end.
fn flood() {
    let line = format!("{}\n", "x".repeat(1_000));
    let mut out = std::io::stdout();
    while out.write_all(line.as_bytes()).is_ok() {}
}

fn spin() {
    loop {
        std::hint::spin_loop();
    }
}

/// 20 MB at a time, up to a size that hurts nobody.
fn leak() {
    let mut kept = vec![];
    for _ in 0..10 {
        sleep(Duration::from_millis(200));
        kept.push(vec![1_u8; 20_000_000]);
    }
    loop {
        sleep(Duration::from_secs(1));
        let _ = std::hint::black_box(&kept);
    }
}
