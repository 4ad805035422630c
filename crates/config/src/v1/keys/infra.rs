//! `[infra]`: commands around a version.

use super::Given::{Default, Optional, Required};
use super::{DAY, Kind, SECOND, Table, duration, key};

pub(crate) static INFRA: Table = Table {
    groups: &[&[
        key(
            "apply",
            Kind::Command,
            Required,
            "Run before the first instance of a new version starts; it must bear being run again. When it fails the \
             version is taken back before any user sees it.",
        ),
        key(
            "verify",
            Kind::Command,
            Optional,
            "Run after `apply`: exit status 0 says that it did what it should.",
        ),
        key(
            "undo",
            Kind::Command,
            Optional,
            "Run when the version goes back, after its users. Left out: nothing is undone.",
        ),
        key("timeout", duration(SECOND, DAY), Default("\"5m\""), "How long each may take, at most."),
    ]],
};
