//! What is done to the control plane itself: recorded, then done by whoever asked.

use staunch_model::{Actor, ServiceName};
use staunch_rollout::{HouseEvent, Service};

use crate::handle::{Handle, Refused};
use crate::order::{Answer, Order, Reply};
use crate::run::Loop;

impl Loop {
    pub(crate) fn note_house(&mut self, event: &HouseEvent, by: &str, reply: Reply<()>) -> Answer {
        let place = ServiceName::try_from(HouseEvent::PLACE.to_owned());
        let Ok(place) = place else {
            return Answer {
                service: None,
                give: Box::new(move || drop(reply.send(Err(Refused::Stopping)))),
            };
        };
        let settled = self.book.settle();
        self.tell(settled);
        let written = self.book.commit_house(&place, self.clock.now(), &Actor::Person(by.to_owned()), event);
        let result =
            written.map(|entries| self.tell(entries)).map_err(|error| Refused::Journal(error.to_string()));
        Answer { service: Some(place), give: Box::new(move || drop(reply.send(result))) }
    }
}

impl Handle {
    /// Resolves when it is recorded.
    pub async fn note(&self, event: HouseEvent, by: &str) -> Result<(), Refused> {
        let by = by.to_owned();
        self.ask(|reply| Order::House { event, by, reply }).await
    }

    /// The service as history tells it.
    pub async fn told(&self, service: &ServiceName) -> Result<Service, Refused> {
        let service = service.clone();
        self.ask(|reply| Order::Tell { service, reply }).await
    }
}
