//! What all services must do.

use std::time::Duration;

use gate_service::conformance::{self, Message, Script, Subject};

use crate::harness::{echo_path, find, run, start};

#[test]
fn services_conform() {
    run(async {
        let services = start(&[echo_path().to_str().unwrap()], &[]).await;
        let subject = |name: &str, script| {
            let mut subject = Subject::new(find(&services, name), script);
            subject.patience = || Box::pin(tokio::time::sleep(Duration::from_secs(20)));
            subject
        };
        let calls = |script: Script| {
            script.send(Message::call(b"one")).send(Message::call(b"two")).send(Message::call(b""))
        };
        conformance::check(|| subject("echo", calls(Script::new()).until(|program| program.replies() == 3)))
            .await
            .unwrap();
        conformance::check(|| {
            subject("counter", calls(Script::new()).until(|program| program.replies() == 3))
        })
        .await
        .unwrap();
        conformance::check(|| {
            let script =
                calls(Script::new()).send(Message::info(b"")).until(|program| program.replies() == 3);
            subject("echo/later", script.send(Message::call(b"four")))
        })
        .await
        .unwrap();
    });
}
