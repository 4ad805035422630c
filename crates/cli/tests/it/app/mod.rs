//! The sample app: healthy, or ill in one way that `APP_FAULT` names. It is this test binary itself, run as one of its
//! own tests, so that the stories need nothing but what was built for them.

mod fault;
mod serve;
mod work;

use fault::Fault;

/// The value of `run` that starts it.
pub(crate) fn command() -> String {
    run("app::serves")
}

/// The same for the sample worker.
pub(crate) fn worker() -> String {
    run("app::works")
}

fn run(test: &str) -> String {
    let own = std::env::current_exe().unwrap();
    let words = [own.to_str().unwrap(), test, "--exact", "--ignored", "--nocapture"];
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

#[test]
#[ignore = "it is the sample worker of the stories, not a test: it takes jobs until it is told to stop"]
fn works() {
    let Ok(fault) = std::env::var("APP_FAULT") else { return };
    let fault = Fault::named(&fault);
    fault.begin();
    work::work(fault);
}
