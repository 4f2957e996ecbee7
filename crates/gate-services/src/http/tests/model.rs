//! A stream through a server that sends back what it gets is compared with a queue, whatever the order of things.

use proptest::prelude::*;
use proptest::test_runner::{Config as TestConfig, TestRunner};

use super::*;

#[derive(Clone, Copy, Debug)]
enum Action {
    /// Sends this much, as far as there is credit.
    Write(usize),
    /// Gives credit.
    Grant(usize),
    /// Waits until nothing moves.
    Settle,
    /// Is saved, and goes on.
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (1..70_000_usize).prop_map(Action::Write),
        (1..100_usize).prop_map(Action::Write),
        (1..100_000_usize).prop_map(Action::Grant),
        (1..100_usize).prop_map(Action::Grant),
        Just(Action::Settle),
        Just(Action::Restart),
    ]
}

async fn run(protocol: Option<&str>, actions: &[Action]) {
    let host = match protocol {
        Some(protocol) => Host::https(protocol).await,
        None => Host::http().await,
    };
    let mut program = Program::new(config(&host)).await;
    let id = program.begin(&request("POST", &host.url("/echo"), &[], u64::MAX)).await.unwrap();
    program.ask(id).await;
    let (mut sent, mut granted) = (0, 0);
    let bytes = |from: usize, to: usize| -> Vec<u8> { (from..to).map(byte_at).collect() };
    for action in actions {
        match *action {
            Action::Write(len) => {
                let credit = program.credit_within(id, Duration::ZERO).await.unwrap_or(0);
                let len = len.min(credit);
                if len > 0 {
                    program.data(id, &bytes(sent, sent + len)).await;
                    sent += len;
                }
            }
            Action::Grant(credit) => {
                program.flow(id, credit).await;
                granted += credit;
            }
            Action::Settle => program.settle().await,
            Action::Restart => program.restart().await,
        }
        assert!(program.received(id).0 <= sent.min(granted));
        assert_eq!(program.received(id).1, None);
    }
    program.end(id).await;
    assert_eq!(program.reply_of(id).await.0, OK);
    let (body, note) = program.read(id, 50_000).await;
    assert!(body == bytes(0, sent), "{} of {sent} bytes came back", body.len());
    assert_eq!(note, 0);
    program.expect_flow_end(id).await;
    program.close(id).await;
    assert_eq!(program.save().await, b"");
    assert_eq!(host.requests(), 1);
}

#[test]
fn what_comes_back_is_what_was_sent() {
    let mut runner =
        TestRunner::new(TestConfig { cases: 24, failure_persistence: None, ..TestConfig::default() });
    let protocols = prop_oneof![Just(None), Just(Some("http/1.1")), Just(Some("h2"))];
    let cases = (protocols, prop::collection::vec(action(), 0..40));
    runner
        .run(&cases, |(protocol, actions)| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(protocol, &actions));
            Ok(())
        })
        .unwrap();
}
