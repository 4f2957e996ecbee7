//! Tests of the tests: sound services pass, and each kind of breach is found.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;

use gate_packet::{Data, Domain, Flow, Packet};

use super::{Breach, Copies, Life, Message, Rule, Script, Subject, check, play};
use crate::{BoxFuture, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service, models};

/// What `future` becomes, which wakes itself until it is done.
fn finish<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Calls that are answered, perhaps not in order.
fn calls() -> Script {
    (0..6)
        .fold(Script::new(), |script, number| script.send(Message::call(&[number; 3])))
        .until(|program| program.replies() == 6)
}

#[test]
fn sound_services_pass() {
    for name in ["echo", "late", "swap", "slow"] {
        let found = finish(check(|| Subject::new(models::factory(name), calls())));
        assert!(found.is_ok(), "{name}: {found:?}");
        let transcript = finish(play(Subject::new(models::factory(name), calls()))).unwrap();
        let replies: Vec<_> = transcript.calls.iter().map(|call| call.reply.clone()).collect();
        let contents: Vec<_> = transcript.calls.iter().map(|call| Some(call.content.clone())).collect();
        assert_eq!(replies, contents, "{name}");
    }
}

#[test]
fn a_sound_service_with_streams_passes() {
    let script = || {
        Script::new()
            .send(Message::call(b""))
            .until(|program| program.replies() == 1)
            .send(Message::flow(0, 10))
            .send(Message::data(0, 0, b"more than the program has credit for"))
            .until(|program| program.received(0) == 10)
            .send(Message::flow(0, 5))
            .send(Message::flow(0, 1000))
            .send(Message::data(0, 0, b" until now"))
            .send(Message::data(0, 0, b""))
            .send(Message::flow(0, 0))
            .until(|program| program.stream(0).is_some_and(|stream| stream.is_closed()))
            .forget(|transcript| transcript.forget_credit())
    };
    let subject = || Subject::new(models::factory("stream"), script());
    finish(check(subject)).unwrap();
    let transcript = finish(play(subject())).unwrap();
    assert_eq!(transcript.streams[0].received, b"more than the program has credit for until now");
    assert_eq!(transcript.streams[0].data_end, Some(0));
}

/// A service that does one thing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// It sends something as soon as it is polled.
    Unasked,
    /// It forgets a call when it is made again.
    Forgets,
    /// It forgets a call when it is saved.
    Drops,
    /// It answers a call twice.
    Twice,
    /// It answers with an index that is too high.
    Index,
    /// It sends data without credit.
    Credit,
    /// It grants more than programs can use.
    Grants,
    /// It sends when there is no room.
    Room,
    /// It sends too much at once.
    Burst,
    /// It saves something else each time.
    Fickle,
    /// It blames itself for packets that make no sense.
    Blames,
    /// It does not say of a snapshot that it is wrong.
    Trusts,
    /// It does not take back what it has saved.
    Picky,
}

impl Factory for Wrong {
    fn properties(&self) -> Properties<'_> {
        let has_streams = matches!(self, Self::Credit | Self::Grants);
        Properties { name: "wrong", revision: "0", has_streams }
    }

    fn create(&self, _config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let wrong = *self;
        Box::pin(async move {
            let mut calls: Vec<u8> = snapshot;
            match wrong {
                Wrong::Forgets => calls.clear(),
                Wrong::Trusts if calls.contains(&0xff) => return Err(Failure::Service("eh?".into())),
                Wrong::Picky if calls.len() > 1 => return Err(Failure::Snapshot("too long".into())),
                _ => {}
            }
            Ok(Box::new(Answers { wrong, calls }) as Box<dyn Service>)
        })
    }
}

/// Answers calls of one byte, when it is polled.
struct Answers {
    wrong: Wrong,
    calls: Vec<u8>,
}

impl Service for Answers {
    fn handle(&mut self, packet: &Packet<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let Domain::Call = packet.domain() else { return Ok(()) };
        match self.wrong {
            Wrong::Burst => {
                for _ in 0..5 {
                    out.info(&[0; 65_000])?;
                }
            }
            Wrong::Twice => out.reply(0, b"")?,
            Wrong::Index => out.reply(1, b"")?,
            Wrong::Credit => out.data(Data { id: 0, note: 0, bytes: b"x" })?,
            Wrong::Grants => out.flows(&[Flow { id: 0, value: 65_521 }])?,
            Wrong::Blames if packet.content().len() != 1 => return Err(Failure::Service("what?".into())),
            _ => {}
        }
        self.calls.push(packet.content().first().copied().unwrap_or(0));
        Ok(())
    }

    fn poll(&mut self, _context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        if self.wrong == Wrong::Unasked {
            out.info(b"hello")?;
        }
        while !self.calls.is_empty() && (out.has_room() || self.wrong == Wrong::Room) {
            out.reply(0, &[self.calls.remove(0)])?;
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        static SAVES: AtomicUsize = AtomicUsize::new(0);
        let mut saved = self.calls.clone();
        match self.wrong {
            Wrong::Drops => self.calls.clear(),
            Wrong::Fickle => saved.extend(SAVES.fetch_add(1, Ordering::Relaxed).to_le_bytes()),
            Wrong::Picky => saved.extend([0; 2]),
            _ => {}
        }
        Box::pin(async { Ok(saved) })
    }
}

#[track_caller]
fn breach(wrong: Wrong) -> Breach {
    let subject = || {
        let script = Script::new()
            .send(Message::call(b"1"))
            .send(Message::call(b"2"))
            .until(|program| program.replies() == 2);
        let patience: fn() -> BoxFuture<'static, ()> = || Box::pin(tokio::task::yield_now());
        Subject { patience, ..Subject::new(Arc::new(wrong), script) }
    };
    finish(check(subject)).unwrap_err()
}

#[test]
fn each_breach_is_found() {
    assert!(matches!(breach(Wrong::Unasked), Breach::Unasked { bytes: 32 }));
    let found = breach(Wrong::Twice);
    assert!(matches!(found, Breach::Rule { rule: Rule::NoCall { index: 0, outstanding: 0 }, .. }), "{found}");
    let found = breach(Wrong::Index);
    assert!(matches!(found, Breach::Rule { rule: Rule::NoCall { index: 1, outstanding: 1 }, .. }), "{found}");
    let found = breach(Wrong::Credit);
    assert!(matches!(found, Breach::Rule { rule: Rule::NoCredit { id: 0, found: 1, credit: 0 }, .. }));
    let found = breach(Wrong::Grants);
    assert!(matches!(found, Breach::Rule { rule: Rule::Credit { id: 0, credit: 65_521 }, .. }));
    assert!(matches!(breach(Wrong::Room), Breach::NoRoom { bytes: 16, .. }));
    assert!(matches!(breach(Wrong::Burst), Breach::Burst { .. }));
    assert!(matches!(breach(Wrong::Fickle), Breach::SavedTwice { .. }));
    assert!(matches!(breach(Wrong::Blames), Breach::Blame { failure: Failure::Service(_), .. }));
    assert!(matches!(breach(Wrong::Trusts), Breach::Damaged { failure: Failure::Service(_), .. }));
    let found = breach(Wrong::Forgets);
    assert!(matches!(&found, Breach::Hangs { at, .. } if at.life == Life::Remade), "{found}");
    let found = breach(Wrong::Drops);
    assert!(matches!(&found, Breach::SavedTwice { first, second, .. } if first != second), "{found}");
    let found = breach(Wrong::Picky);
    assert!(matches!(found, Breach::Remade { .. }), "{found}");
}

#[test]
fn what_a_fuzzer_says_is_done() {
    let fuzz =
        |wrong: Wrong, bytes: &[u8]| finish(super::fuzz(Subject::new(Arc::new(wrong), Script::new()), bytes));
    let call_poll_remake = [0, 1, b'a', 0, 2, b'b', b'c', 7, 5];
    assert!(
        matches!(fuzz(Wrong::Blames, &call_poll_remake), Err(Breach::Blame { sent, .. }) if sent.len() == 2)
    );
    assert!(matches!(fuzz(Wrong::Trusts, &[255, 2, 1, 255, 7]), Err(Breach::Damaged { .. })));
    assert!(matches!(fuzz(Wrong::Picky, &[0, 0, 5]), Err(Breach::Remade { .. })));
    let (flow, data) = ([3, 0, 9, 0, 0, 0], [4, 0, 0, 3, b'a', b'b', b'c']);
    let all = [&[0, 0][..], &flow, &data, &flow, &[7, 6, 5, 7]].concat();
    for name in ["echo", "swap", "slow", "stream"] {
        for len in 0..all.len() {
            finish(super::fuzz(Subject::new(models::factory(name), Script::new()), &all[..len])).unwrap();
        }
    }
}

/// A service that is made from a snapshot only once in its factory's life.
#[derive(Default)]
struct Once {
    is_made: AtomicBool,
}

impl Factory for Once {
    fn properties(&self) -> Properties<'_> {
        Properties { name: "once", revision: "0", has_streams: false }
    }

    fn create(&self, _config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let is_lost = !snapshot.is_empty() && self.is_made.swap(true, Ordering::Relaxed);
        let calls = if is_lost { Vec::new() } else { snapshot };
        // Not wrong in any other way.
        Box::pin(async { Ok(Box::new(Answers { wrong: Wrong::Forgets, calls }) as Box<dyn Service>) })
    }
}

#[test]
fn a_copy_that_gets_less_is_found() {
    let subject = |copies: Copies| {
        let script = Script::new().send(Message::call(b"1")).until(|program| program.replies() == 1);
        let patience: fn() -> BoxFuture<'static, ()> = || Box::pin(tokio::task::yield_now());
        Subject { copies, patience, ..Subject::new(Arc::new(Once::default()), script) }
    };
    let found = finish(super::copies(|| subject(Copies::Same))).unwrap_err();
    assert!(matches!(&found, Breach::Hangs { at, .. } if at.life == Life::Copy), "{found}");
    finish(super::copies(|| subject(Copies::Different))).unwrap();
}
