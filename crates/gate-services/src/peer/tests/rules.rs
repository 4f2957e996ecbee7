//! What all services must do.

use std::sync::Arc;
use std::time::Duration;

use gate_packet::Domain;
use gate_service::conformance::{self, Copies, Message, Script, Subject, Transcript};
use tokio::sync::Mutex;
use tokio::task::unconstrained;

use super::super::{Hub, Peer};
use super::program::{Program, client, name};
use crate::peerindex::principal::{GROUP, PrincipalIndex};

/// A program, 1, that is connected with another one, 2.
fn subject() -> Subject {
    let hub = Hub::new();
    let two = Program::registered(&hub, 2);
    // The services of the program are tested one by one: here its index is there all the time.
    let mut index = Program::new(&hub, 1);
    index.register();
    let index = std::sync::Mutex::new(index);
    let two = Arc::new(Mutex::new(two));
    let act = |act: fn(&mut Program)| {
        let two = Arc::clone(&two);
        move || {
            let two = Arc::clone(&two);
            async move {
                let mut two = two.lock().await;
                two.poll();
                act(&mut two);
                two.poll();
            }
        }
    };
    let connect = {
        let mut content = vec![0; 8];
        for name in [GROUP, &name(2), "some type"] {
            content.push(u8::try_from(name.len()).unwrap());
            content.extend_from_slice(name.as_bytes());
        }
        content
    };
    let script = Script::new()
        .send(Message::info(b""))
        .send(Message::call(b"no such call"))
        .host(act(|two| assert_eq!(two.connect(1, "that"), 0)))
        .until(|program| program.infos.len() == 1)
        .send(Message::call(&connect))
        .until(|program| program.infos.len() == 2)
        .send(Message::flow(0, 10))
        .host(act(|two| {
            two.data(0, 1, b"hello");
            two.data(0, 2, b"there");
            two.flow(0, 70_000);
        }))
        .until(|program| program.received(0) == 10)
        .until(|program| program.stream(0).is_some_and(|stream| stream.credit == 65520))
        .send(Message::data(0, 3, &[1; 60_000]))
        .host(act(|two| assert_eq!(two.stream(0).received.len(), 60_000)))
        .until(|program| program.stream(0).is_some_and(|stream| stream.credit == 70_000))
        .send(Message::data(0, 4, &[1; 10_000]))
        .send(Message::data(0, 5, b""))
        .host(act(|two| {
            assert_eq!(two.stream(0).received.len(), 70_000);
            assert_eq!(two.stream(0).data_end, Some(5));
            two.flow(0, -6);
            two.flow(0, 0);
            two.data(0, 7, b"");
        }))
        .until(|program| {
            program.stream(0).is_some_and(|stream| stream.data_end == Some(7) && stream.flow_end)
        })
        .send(Message::flow(0, 0))
        .host(act(|two| assert!(two.stream(0).is_closed())))
        .host(move || {
            assert_eq!(index.lock().unwrap().list().len(), 41);
            async {}
        });
    Subject { copies: Copies::Different, ..subject_of(Subject::new(Arc::new(Peer::new(hub)), script)) }
}

fn subject_of(mut subject: Subject) -> Subject {
    subject.client = client(1, 0);
    subject.patience = || Box::pin(tokio::time::sleep(Duration::from_secs(10)));
    subject
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(unconstrained(test));
}

#[test]
fn peer_does_what_services_must() {
    run(async { conformance::check(subject).await.unwrap() });
}

#[test]
fn the_index_does_what_services_must() {
    run(async {
        let subject = || {
            let hub = Hub::new();
            let other = std::sync::Mutex::new(Program::registered(&hub, 2));
            let script = Script::new()
                .send(Message::call(b""))
                .until(|program| program.replies() == 1)
                .send(Message::info(b""))
                .send(Message::call(b""))
                .until(|program| program.replies() == 2)
                .host(move || {
                    // Others find it, and it stays.
                    assert_eq!(other.lock().unwrap().list().len(), 41);
                    async {}
                })
                .send(Message::info(b""));
            subject_of(Subject::new(Arc::new(PrincipalIndex::new(hub)), script))
        };
        // All but what is said of copies: here they are programs that are listed, too.
        conformance::quiet(subject()).await.unwrap();
        conformance::garbage(subject).await.unwrap();
        conformance::lives(subject).await.unwrap();
        conformance::no_room(subject).await.unwrap();
        conformance::drops(subject).await.unwrap();
        conformance::damaged_snapshots(subject).await.unwrap();
        let transcript: Transcript = conformance::play(subject()).await.unwrap();
        assert_eq!(transcript.calls[0].reply.as_deref(), Some(&[1, 0, 0, 0][..]));
        let expect = [&[0, 0, 1, 0, 36][..], name(2).as_bytes()].concat();
        assert_eq!(transcript.calls[1].reply, Some(expect));
    });
}

#[test]
fn a_packet_makes_the_service_known() {
    let hub = Hub::new();
    let mut one = Program::registered(&hub, 1);
    let mut two = Program::new(&hub, 2);
    two.register();
    assert_eq!(one.connect(2, ""), 3);
    two.try_send(Domain::Info, &[]).unwrap();
    assert_eq!(one.connect(2, ""), 0);
}
