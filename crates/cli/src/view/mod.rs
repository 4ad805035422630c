//! What a person sees: the story's lines and the live box.

pub(crate) mod fleet;
pub(crate) mod frame;
pub(crate) mod screen;
pub(crate) mod shadow;
pub(crate) mod story;
pub(crate) mod triggers;
pub(crate) mod who;
