//! One program in every role that the tests need: `rig keeper …`, `rig edge …`, and an app whose behaviour is chosen
//! by the variable `BEHAVE`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use staunch_local::keeper::{self, KeeperOptions};
use staunch_proxy::edge::{self, EdgeOptions};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let role = words.first().map_or("app", String::as_str);
    let result = match role {
        "--version" => writeln!(std::io::stdout(), "rig 9.9.9"),
        "keeper" => keeper::run(&KeeperOptions { data: value(&words, "--data"), binary: binary() }),
        "edge" => edge::run(EdgeOptions {
            run_dir: value(&words, "--run-dir"),
            socket: value(&words, "--socket"),
            fd_socket: value(&words, "--fd-socket"),
            threads: 1,
        }),
        _app => return app(),
    };
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn value(words: &[String], name: &str) -> PathBuf {
    let at = words.iter().position(|word| word == name).expect("the option is given");
    PathBuf::from(&words[at + 1])
}

fn binary() -> PathBuf {
    std::env::current_exe().expect("a running program has a path")
}

fn app() -> ExitCode {
    match variable("BEHAVE").as_str() {
        "exit" => return ExitCode::from(3),
        "silent" => rest(),
        "stubborn" => be_stubborn(),
        "flood" => flood(),
        _ => {}
    }
    serve();
    ExitCode::SUCCESS
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn rest() {
    std::thread::sleep(Duration::from_secs(3_600));
}

/// Does not end on SIGTERM, and has a child that does not either.
fn be_stubborn() {
    let command = ["-c", "trap '' TERM; while true; do sleep 1; done"];
    let mut child = Command::new("sh").args(command).spawn().expect("there is a shell");
    std::thread::spawn(move || child.wait());
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let kind = tokio::signal::unix::SignalKind::terminate();
            let mut signals = tokio::signal::unix::signal(kind).expect("a handler");
            loop {
                signals.recv().await;
            }
        });
    });
}

fn flood() {
    std::thread::spawn(|| {
        let line = format!("{}\n", "flood ".repeat(40));
        let block = line.repeat(200);
        while std::io::stdout().write_all(block.as_bytes()).is_ok() {}
    });
}

fn serve() {
    let port: u16 = variable("PORT").parse().expect("PORT is a number");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    writeln!(std::io::stdout(), "{} listens on {port}", variable("VERSION")).expect("stdout is open");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(stream));
    }
}

/// Keeps the connection open, as apps do. Unhealthy while the file named by `SICK` is there.
fn answer(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut path = String::new();
        reader.read_line(&mut path).ok().filter(|count| *count > 0)?;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        }
        let sick = Path::new(&variable("SICK")).exists() && path.contains("/healthz");
        let (status, body) = if sick {
            ("500 Internal Server Error", "the database is gone".to_owned())
        } else {
            ("200 OK", format!("{} {}", variable("VERSION"), std::process::id()))
        };
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).ok()?;
    }
}
