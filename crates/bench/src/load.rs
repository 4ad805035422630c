//! The paced client: requests are due whether or not those before were answered, and latency counts from then.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Args, Url};
use crate::connection::{Connection, Found};
use crate::pace::{Due, beat};
use crate::sessions::Sessions;
use crate::tally::Tally;
use crate::{Outcome, report};

/// After the last request is due, how long answers may still come.
const LINGER: Duration = Duration::from_secs(12);

pub(crate) struct Plan {
    url: Url,
    rate: u32,
    connections: u32,
    mix: Mix,
    sessions: Option<Sessions>,
    /// Until SIGTERM when absent.
    duration: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mix {
    Get,
    Post,
    /// In turn.
    Both,
}

impl Mix {
    fn method(self, number: u64) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Both => ["GET", "POST"][usize::from(number.is_multiple_of(2))],
        }
    }
}

impl TryFrom<&Args> for Plan {
    type Error = Box<dyn Error>;

    fn try_from(args: &Args) -> Result<Self, Self::Error> {
        let mix = match args.text("mix").unwrap_or("get") {
            "get" => Mix::Get,
            "post" => Mix::Post,
            "both" => Mix::Both,
            other => return Err(format!("--mix {other}: get, post or both").into()),
        };
        Ok(Self {
            url: args.url()?,
            rate: args.maybe("rate")?.ok_or("--rate is missing")?,
            connections: args.maybe("connections")?.unwrap_or(32),
            mix,
            sessions: Sessions::read(args)?,
            duration: args.maybe("duration")?.map(Duration::from_secs_f64),
        })
    }
}

#[derive(Default)]
struct Shared {
    due: Due,
    tally: RefCell<Tally>,
    sessions: Option<Sessions>,
    in_flight: Cell<u64>,
}

pub(crate) async fn run(plan: Plan) -> Outcome {
    let shared = Rc::new(Shared { sessions: plan.sessions, ..Shared::default() });
    for _ in 0..plan.connections {
        let connection = Connection::new(plan.url.clone());
        tokio::task::spawn_local(work(shared.clone(), connection, plan.mix));
    }
    let start = Instant::now();
    tokio::select! {
        () = shared.due.follow(beat(plan.rate)) => {}
        () = end(plan.duration) => {}
    }
    let ran = start.elapsed();
    let backlog = shared.due.backlog();
    let unanswered = settle(&shared).await;
    report(&shared.tally.take().report(ran, unanswered, backlog))
}

async fn work(shared: Rc<Shared>, mut connection: Connection, mix: Mix) {
    loop {
        let (number, due) = shared.due.next().await;
        shared.in_flight.set(shared.in_flight.get() + 1);
        let method = mix.method(number);
        let (found, opened) = connection.ready().await;
        if found == Found::Dropped {
            shared.tally.borrow_mut().dropped();
        }
        let session = shared.sessions.as_ref().map(Sessions::any);
        let cookie = session.as_ref().map(|session| session.cookie.as_str());
        let answer = match opened {
            Ok(()) => connection.ask(method, cookie).await,
            Err(why) => Err(why),
        };
        if let (Some(sessions), Some(session), Ok(())) = (&shared.sessions, &session, &answer) {
            sessions.may_end(session);
        }
        match answer {
            Ok(()) => shared.tally.borrow_mut().good(due),
            Err(why) => shared.tally.borrow_mut().failed(method, due, &why),
        }
        shared.in_flight.set(shared.in_flight.get() - 1);
    }
}

/// Waits for the answers that are still to come, and gives how many never came.
async fn settle(shared: &Shared) -> u64 {
    let limit = Instant::now() + LINGER;
    let open = || shared.in_flight.get() + shared.due.backlog() as u64;
    while open() > 0 && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    open()
}

async fn end(duration: Option<Duration>) {
    let over = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = over => {}
        () = asked_to_end() => {}
    }
}

pub(crate) async fn asked_to_end() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
    }
}
