//! What all services must do.

use std::sync::Arc;
use std::time::Duration;

use gate_service::conformance::{self, Copies, FactoryOf, Message, Script, Subject, Transcript};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::Mutex;
use tokio::task::unconstrained;

use super::super::{Connector, Origin};
use super::LIMITS;
use super::program::run;

/// A program with two connections. It ends the first, and the client the second.
fn subject() -> Subject {
    let connector = Connector::new();
    let (one, theirs) = duplex(4000);
    let first = connector.connect(theirs);
    let (two, theirs) = duplex(4000);
    let second = connector.connect(theirs);
    let one = Arc::new(Mutex::new((one, first)));
    let two = Arc::new(Mutex::new((two, second)));
    let (again_one, again_two) = (Arc::clone(&one), Arc::clone(&two));

    let script = Script::new()
        .send(Message::info(b"nothing"))
        .send(Message::call(b""))
        .send(Message::call(b"whatever"))
        .until(|program| program.replies() == 2)
        .host(move || {
            let one = Arc::clone(&one);
            async move { one.lock().await.0.write_all(b"0123456789").await.unwrap() }
        })
        .send(Message::flow(0, 4))
        .until(|program| program.received(0) == 4)
        .send(Message::flow(0, 2))
        .send(Message::flow(0, 0))
        .until(|program| program.stream(0).is_some_and(|stream| stream.data_end == Some(0)))
        .send(Message::data(0, 7, &[1; 600]))
        .until(|program| program.stream(0).is_some_and(|stream| stream.credit >= 1600))
        .send(Message::data(0, 7, &[2; 600]))
        .send(Message::data(0, 7, b""))
        .until(|program| program.stream(0).is_some_and(|stream| stream.flow_end))
        .host(move || {
            let one = Arc::clone(&again_one);
            async move {
                let mut bytes = Vec::new();
                one.lock().await.0.read_to_end(&mut bytes).await.unwrap();
                assert_eq!(bytes, [[1; 600], [2; 600]].concat());
            }
        })
        .send(Message::flow(1, 1000))
        .send(Message::data(1, 0, b"some"))
        .host(move || {
            let two = Arc::clone(&again_two);
            async move {
                let mut two = two.lock().await;
                let mut bytes = [0; 4];
                two.0.write_all(b"last words").await.unwrap();
                two.0.shutdown().await.unwrap();
                two.0.read_exact(&mut bytes).await.unwrap();
                assert_eq!(&bytes, b"some");
            }
        })
        .until(|program| program.stream(1).is_some_and(|stream| stream.data_end == Some(0)))
        .send(Message::data(1, 0, b""))
        .send(Message::flow(1, 0))
        .until(|program| program.stream(1).is_some_and(|stream| stream.flow_end))
        // The connections stay until here.
        .host(move || {
            let two = Arc::clone(&two);
            async move { drop(two.lock().await) }
        })
        .forget(Transcript::forget_credit);
    let mut subject = Subject::new(Arc::new(Origin::new(LIMITS, connector)), script);
    let elsewhere = Arc::new(Origin::new(LIMITS, Connector::new()));
    subject.copies = Copies::Elsewhere(FactoryOf(elsewhere));
    subject.patience = || Box::pin(tokio::time::sleep(Duration::from_secs(10)));
    subject
}

#[test]
fn it_does_what_services_must() {
    // Otherwise what is ready is now and then said not to be, to give turns to tasks that are not there.
    run(unconstrained(async { conformance::check(subject).await.unwrap() }));
}
