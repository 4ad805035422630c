//! The sample app: healthy, or ill in one way that `APP_FAULT` names. It is this test binary itself, run as one of its
//! own tests, so that the stories need nothing but what was built for them.

mod fault;
mod serve;

use fault::Fault;

/// The value of `run` that starts it.
pub(crate) fn command() -> String {
    let own = std::env::current_exe().unwrap();
    let words = [own.to_str().unwrap(), "app::serves", "--exact", "--ignored", "--nocapture"];
    format!("{words:?}")
}

#[test]
#[ignore = "it is the sample app of the stories, not a test: it serves on PORT until its end"]
fn serves() {
    let Ok(port) = std::env::var("PORT") else { return };
    let fault = Fault::named(&std::env::var("APP_FAULT").unwrap());
    fault.begin();
    serve::serve(port.parse().unwrap(), fault);
}
