//! One module per kind of command.

pub(crate) mod access;
pub(crate) mod budget;
pub(crate) mod doctor;
pub(crate) mod judge;
pub(crate) mod offline;
pub(crate) mod online;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod release;
pub(crate) mod replay;
pub(crate) mod roles;
pub(crate) mod simulate;
pub(crate) mod up;
pub(crate) mod values;
