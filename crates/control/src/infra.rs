//! Running the commands around a rollout beside the loop: it never waits for one.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use staunch_model::{Actor, RolloutId, ServiceName};
use staunch_rollout::{Event, InfraDue, InfraRun, InfraStep, Observed};

use crate::run::Loop;

/// Runs one command to its end, or until its time is over.
pub type Runner = Arc<dyn Fn(&InfraDue) -> InfraRun + Send + Sync>;

/// Of services whose files have no command: refuses any.
pub fn no_runner() -> Runner {
    Arc::new(|due| InfraRun {
        step: due.step,
        ok: false,
        status: "commands cannot be run here".to_owned(),
        output: vec![],
        took_ms: 0,
    })
}

/// A command under way, or one whose end is not recorded yet.
pub(crate) struct Command {
    rollout: RolloutId,
    step: InfraStep,
    answer: Receiver<InfraRun>,
    ended: Option<InfraRun>,
}

impl Loop {
    /// Notes what ended, and begins what is due.
    pub(crate) fn drive_infra(&mut self, name: &ServiceName, observed: &Observed) {
        self.note_command(name);
        let active = self.book.services.get(name).and_then(|service| service.active());
        let Some((rollout, due)) =
            active.and_then(|rollout| Some((rollout.spec.id, rollout.infra_due(observed)?)))
        else {
            return;
        };
        if self.commands.contains_key(name) || self.book.is_held(name) {
            return;
        }
        let step = due.step;
        if self.record(name, &Actor::Staunch, &[Event::InfraStarted { step }]).is_err() {
            return;
        }
        let (tell, answer) = channel();
        let runner = self.runner.clone();
        let work = move || drop(tell.send(runner(&due)));
        // Without a thread the answer is that nothing ran.
        drop(std::thread::Builder::new().name("staunch-infra".to_owned()).spawn(work));
        self.commands.insert(name.clone(), Command { rollout, step, answer, ended: None });
    }

    fn note_command(&mut self, name: &ServiceName) {
        let Some(command) = self.commands.get_mut(name) else { return };
        if command.ended.is_none() {
            command.ended = match command.answer.try_recv() {
                Ok(run) => Some(run),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => Some(not_run(command.step)),
            };
        }
        let (rollout, run) = (command.rollout, command.ended.clone());
        let active = self.book.services.get(name).and_then(|service| service.active());
        let ours = active.is_some_and(|active| active.spec.id == rollout);
        let noted = run.filter(|_| ours).map(|run| Event::InfraRan { run: Box::new(run) });
        // What the journal refuses is offered again.
        if noted.is_none_or(|event| self.record(name, &Actor::Staunch, &[event]).is_ok()) {
            self.commands.remove(name);
        }
    }
}

fn not_run(step: InfraStep) -> InfraRun {
    let status = "no thread could be started for it".to_owned();
    InfraRun { step, ok: false, status, output: vec![], took_ms: 0 }
}
