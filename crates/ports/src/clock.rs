use staunch_model::Timestamp;

/// The one clock of the loop. It never goes back, whatever the wall clock does.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}
