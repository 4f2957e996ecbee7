//! What is true of all services.

use gate_service::conformance::{self, Copies, Message, Script, Subject};

use super::*;

fn response(id: i32) -> Message {
    Message::call(&[&[1, 0, 0, 0], &id.to_le_bytes()[..]].concat())
}

/// Two requests at once: one without a body whose response is read in parts, and one that comes back while it is sent.
fn two_requests(host: &Host) -> Script {
    Script::new()
        .send(Message::call(&request("GET", &host.url("/bytes/5000"), &[], 0)))
        .send(Message::call(&request("POST", &host.url("/echo"), &[], u64::MAX)))
        .until(|program| program.replies() == 2)
        .send(response(1))
        .send(response(0))
        .until(|program| program.stream(1).is_some_and(|stream| stream.credit > 0))
        .send(Message::data(1, 0, b"hello, "))
        .send(Message::flow(1, 5))
        .until(|program| program.replies() == 4 && program.received(1) == 5)
        .send(Message::flow(0, 3000))
        .send(Message::data(1, 0, b"world"))
        .until(|program| program.received(0) == 3000)
        .send(Message::data(1, 0, b""))
        .send(Message::flow(0, 3000))
        .send(Message::flow(1, 100))
        .until(|program| program.stream(0).is_some_and(|stream| stream.data_end == Some(0)))
        .until(|program| {
            program.stream(1).is_some_and(|stream| stream.data_end == Some(0) && stream.flow_end)
        })
        .send(Message::flow(0, 0))
        .send(Message::flow(1, 0))
        .forget(conformance::Transcript::forget_credit)
}

/// A request that is given up while the program waits for its response, and one that is refused.
fn failures(host: &Host) -> Script {
    Script::new()
        .send(Message::call(&request("GET", &host.url("/never"), &[], 0)))
        .until(|program| program.replies() == 1)
        .send(response(0))
        .send(Message::call(&request("GET", "http://example.com/", &[], 0)))
        .send(response(7))
        .until(|program| program.replies() == 3)
        .send(Message::flow(0, 0))
        .until(|program| program.replies() == 4)
        .until(|program| program.stream(0).is_some_and(|stream| stream.data_end == Some(11)))
}

async fn check(host: &Host, script: impl Fn(&Host) -> Script) {
    let subject = || {
        let subject = Subject::new(Arc::new(Http::new(config(host))), script(host));
        Subject { copies: Copies::Different, ..subject }
    };
    conformance::check(subject).await.unwrap();
}

#[tokio::test]
async fn requests_survive_everything() {
    check(&Host::http().await, two_requests).await;
}

#[tokio::test]
async fn failures_survive_everything() {
    check(&Host::http().await, failures).await;
}
