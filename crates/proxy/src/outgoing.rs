//! A request on its way out, in the form its instance's connection takes, and how often it may be sent.

use std::rc::Rc;

use http::request::Parts;
use http::{Request, Response};

use crate::bare::Bare;
use crate::body::UpBody;
use crate::instance::Instance;
use crate::instance_body::InstanceBody;
use crate::pool::{Kept, Link, SendError, ask, send};

pub(crate) struct Outgoing {
    form: Form,
    /// It may be sent again although an instance may have seen it.
    pub(crate) repeatable: bool,
}

enum Form {
    Bare(Bare),
    Whole(Box<Whole>),
}

struct Whole {
    request: Option<Request<UpBody>>,
    /// The head once more, where the request may be sent twice.
    spare: Option<Parts>,
}

type Sent = Result<(Response<InstanceBody>, Link), SendError>;

impl Outgoing {
    pub(crate) fn bare(bare: Bare, repeatable: bool) -> Self {
        Self { form: Form::Bare(bare), repeatable }
    }

    pub(crate) fn whole(head: Parts, body: UpBody, repeatable: bool) -> Self {
        let spare = repeatable.then(|| head.clone());
        let request = Some(Request::from_parts(head, body));
        Self { form: Form::Whole(Box::new(Whole { request, spare })), repeatable }
    }

    /// Sends it. A kept connection may have been closed by the instance in the very moment it was used again: that is
    /// nobody's failure, so a request that may be sent twice then gets a new connection.
    pub(crate) async fn deliver(&mut self, instance: &Rc<Instance>, now_micros: u64) -> Sent {
        let kept = if self.repeatable { Kept::Any } else { Kept::Recent };
        match self.send(instance, kept, now_micros).await {
            Err(SendError::Lost { reused: true }) if self.repeatable => {
                // Boxed: it is rare, and its size would be carried through every request.
                Box::pin(self.send(instance, Kept::None, now_micros)).await
            }
            sent => sent,
        }
    }

    async fn send(&mut self, instance: &Rc<Instance>, kept: Kept, now_micros: u64) -> Sent {
        match &mut self.form {
            Form::Bare(bare) => ask(instance, bare, kept, now_micros).await,
            Form::Whole(whole) => {
                let Whole { request, spare } = &mut **whole;
                if request.is_none() {
                    *request = spare.clone().map(|head| Request::from_parts(head, UpBody::none()));
                }
                // Boxed: it would make every request's state as large as its own.
                Box::pin(send(instance, request, kept, now_micros)).await
            }
        }
    }
}
