//! Users at a given rate, each with a keep-alive connection, until told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::until;
use super::users::Tally;
use super::wire::{Answer, Lost, Wire};

const USERS: u32 = 12;
const RATE: u32 = 250;
const WALK: [(&str, &str); 10] = [
    ("GET", "/"),
    ("GET", "/products"),
    ("POST", "/cart"),
    ("GET", "/products/1001"),
    ("GET", "/cart"),
    ("POST", "/checkout"),
    ("GET", "/products/1002"),
    ("GET", "/account"),
    ("POST", "/cart"),
    ("GET", "/search"),
];

pub(crate) struct Load {
    goes: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    users: Vec<JoinHandle<Tally>>,
}

impl Load {
    /// GET and POST, and every GET once more when its connection was lost before an answer, as browsers do.
    pub(crate) fn start(target: SocketAddr) -> Self {
        Self::with(target, RATE, &WALK)
    }

    /// Users who only read.
    pub(crate) fn reading(target: SocketAddr) -> Self {
        Self::with(target, RATE, &[("GET", "/"), ("GET", "/products"), ("GET", "/cart")])
    }

    /// Users who go this way.
    pub(crate) fn walking(target: SocketAddr, walk: &'static [(&str, &str)]) -> Self {
        Self::with(target, RATE, walk)
    }

    /// All of them with these lines in each head.
    pub(crate) fn saying(target: SocketAddr, fields: &'static str) -> Self {
        Self::of(&User { fields, ..User::new(target, &[("GET", "/"), ("GET", "/cart")]) }, RATE)
    }

    fn with(target: SocketAddr, rate: u32, walk: &'static [(&str, &str)]) -> Self {
        Self::of(&User::new(target, walk), rate)
    }

    fn of(user: &User, rate: u32) -> Self {
        let goes = Arc::new(AtomicBool::new(true));
        let answered = Arc::new(AtomicU64::new(0));
        let users = (0..USERS).map(|number| {
            let beat = Duration::from_secs(1) * USERS / rate;
            let (goes, answered) = (goes.clone(), answered.clone());
            let user = User { fields: user.fields, ..User::new(user.target, user.walk) };
            std::thread::spawn(move || user.walk_until(number as usize, beat, &goes, &answered))
        });
        Self { users: users.collect(), goes, answered }
    }

    /// Waits until so many more requests were answered.
    pub(crate) fn passes(&self, count: u64) {
        let goal = self.answered.load(Ordering::Relaxed) + count;
        until("answers to users", || (self.answered.load(Ordering::Relaxed) >= goal).then_some(()));
    }

    pub(crate) fn stop(mut self) -> Tally {
        self.goes.store(false, Ordering::Relaxed);
        let mut sum = Tally::default();
        for user in self.users.drain(..) {
            sum.add(&user.join().unwrap());
        }
        sum
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.goes.store(false, Ordering::Relaxed);
    }
}

struct User {
    target: SocketAddr,
    walk: &'static [(&'static str, &'static str)],
    fields: &'static str,
    wire: Option<Wire>,
    tally: Tally,
}

impl User {
    fn new(target: SocketAddr, walk: &'static [(&'static str, &'static str)]) -> Self {
        Self { target, walk, fields: "", wire: None, tally: Tally::default() }
    }

    fn walk_until(mut self, start: usize, beat: Duration, goes: &AtomicBool, answered: &AtomicU64) -> Tally {
        let mut due = Instant::now() + beat * start as u32 / USERS;
        for turn in start.. {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if !goes.load(Ordering::Relaxed) {
                break;
            }
            let (method, path) = self.walk[turn % self.walk.len()];
            self.visit(method, path);
            answered.fetch_add(1, Ordering::Relaxed);
            // Who is late does not hurry.
            due = (due + beat).max(Instant::now());
        }
        self.tally
    }

    fn visit(&mut self, method: &str, path: &str) {
        self.tally.asked(method);
        let mut answer = self.ask(method, path);
        if answer.as_ref().is_err_and(|lost| lost.before) && method == "GET" {
            answer = self.ask(method, path);
        }
        match answer {
            Ok(answer) => self.note(method, path, &answer),
            Err(lost) => self.tally.failed(
                method,
                format!("{method} {path}: {} (before the answer: {})", lost.error, lost.before),
            ),
        }
    }

    fn note(&mut self, method: &str, path: &str, answer: &Answer) {
        *self.tally.statuses.entry(answer.status).or_default() += 1;
        if answer.status >= 500 {
            self.tally.failed(method, format!("{method} {path}: {} {}", answer.status, answer.body));
        }
    }

    fn ask(&mut self, method: &str, path: &str) -> Result<Answer, Lost> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            // A refused connection is no lost one: nobody listens.
            None => Wire::connect(self.target).map_err(Lost::within)?,
        };
        let answer = wire.ask_with(method, path, self.fields);
        match &answer {
            Ok(answer) if answer.last => {}
            Ok(_) => self.wire = Some(wire),
            Err(_) => self.tally.dropped += 1,
        }
        answer
    }
}
