//! The life of one connection: what is told of it, and which orders wait for an answer that it must bring.

use crate::format::{say, Answer};
use serde_json::{json, Value};
use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};
use tokio::sync::Notify;

/// Seconds that an order other than connect may take.
pub const PATIENCE: f64 = 5.0;

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Connect,
    Subscribe,
    Unsubscribe,
    Publish,
    Disconnect,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Opening,
    Open,
    Over,
    Silent,
}

struct Expected {
    id: u64,
    serial: u64,
    kind: Kind,
    /// None until the library has sent it.
    packet: Option<u16>,
}

struct Inner {
    stage: Stage,
    serials: u64,
    expected: VecDeque<Expected>,
}

pub struct Link {
    inner: RefCell<Inner>,
    /// Told when the connection must end now.
    pub stop: Notify,
}

impl Link {
    pub fn new() -> Rc<Self> {
        let inner = Inner { stage: Stage::Opening, serials: 0, expected: VecDeque::new() };
        Rc::new(Link { inner: RefCell::new(inner), stop: Notify::new() })
    }

    pub fn is_open(&self) -> bool {
        self.inner.borrow().stage == Stage::Open
    }

    /// An order that waits from now on, and not for ever.
    pub fn expect(self: &Rc<Self>, id: u64, kind: Kind, seconds: f64) {
        let mut inner = self.inner.borrow_mut();
        inner.serials += 1;
        let serial = inner.serials;
        inner.expected.push_back(Expected { id, serial, kind, packet: None });
        let link = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))).await;
            let Some(link) = link.upgrade() else { return };
            if let Some(late) = link.taken(|each| each.serial == serial) {
                link.answer(late, Answer::failed("no answer in time"));
            }
        });
    }

    /// The library has sent the next order of this kind, as the packet with this identifier.
    pub fn sent(&self, kind: Kind, packet: u16) {
        let mut inner = self.inner.borrow_mut();
        let next = inner.expected.iter_mut().find(|each| each.kind == kind && each.packet.is_none());
        if let Some(next) = next {
            next.packet = Some(packet);
        }
    }

    /// An answer came for the order with this packet identifier.
    pub fn came(&self, kind: Kind, packet: u16, answer: Answer) {
        if let Some(order) = self.taken(|each| each.kind == kind && each.packet == Some(packet)) {
            self.answer(order, answer);
        }
    }

    /// CONNACK came, or there will be none.
    pub fn opened(&self, answer: Answer) {
        if let Some(order) = self.taken(|each| each.kind == Kind::Connect) {
            self.answer(order, answer);
        }
    }

    fn taken(&self, wanted: impl Fn(&Expected) -> bool) -> Option<Expected> {
        let mut inner = self.inner.borrow_mut();
        let at = inner.expected.iter().position(wanted)?;
        inner.expected.remove(at)
    }

    fn answer(&self, order: Expected, answer: Answer) {
        if order.kind == Kind::Connect && self.inner.borrow().stage == Stage::Opening {
            let ok = answer.ok() && answer.codes.iter().all(|code| *code == 0);
            self.inner.borrow_mut().stage = if ok { Stage::Open } else { Stage::Over };
            if !ok {
                self.stop.notify_one();
            }
        }
        say(&answer.reply(order.id));
    }

    fn fail_all(&self, error: &str) {
        while let Some(order) = self.taken(|_| true) {
            self.answer(order, Answer::failed(error));
        }
    }

    /// A message, unless the connection was dropped.
    pub fn tell(&self, message: Value) {
        if self.inner.borrow().stage != Stage::Silent {
            say(&message);
        }
    }

    /// The connection ended without our order; said once.
    pub fn lost(&self, code: Option<u64>, error: impl ToString) {
        let was = self.inner.borrow().stage;
        if was == Stage::Open {
            self.inner.borrow_mut().stage = Stage::Over;
            let mut event = json!({"event": "lost", "error": error.to_string()});
            if let Some(code) = code {
                event["code"] = json!(code);
            }
            say(&event);
        }
        self.opened(Answer::failed(error));
        if was != Stage::Over {
            self.fail_all("the connection was lost");
        } else if let Some(order) = self.taken(|each| each.kind == Kind::Disconnect) {
            self.answer(order, Answer::default());
        }
    }

    /// We end it with DISCONNECT.
    pub fn leave(&self) {
        self.inner.borrow_mut().stage = Stage::Over;
        self.fail_all("the connection was ended by an order");
    }

    /// Nothing is told of it any more, and it ends.
    pub fn silence(&self) {
        self.inner.borrow_mut().stage = Stage::Silent;
        self.fail_all("the connection was dropped by a later order");
        self.stop.notify_one();
    }
}

/// A connection whose task ends in a panic of the library is lost, too.
pub struct Watch(pub Rc<Link>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.lost(None, "the library has given up");
    }
}
