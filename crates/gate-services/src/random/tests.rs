//! How many bytes programs get, and when.

use std::sync::Arc;
use std::time::Duration;

use gate_packet::Domain;
use gate_service::conformance::{self, Message, Script, Subject};
use gate_service::{Factory as _, Failure};
use tokio::time::Instant;

use super::{DEFAULT_BITS_PER_MINUTE, Random};
use crate::driven::{Driven, client};

const DEFAULT: Random = Random { bits_per_minute: DEFAULT_BITS_PER_MINUTE };

/// What a byte takes by default.
const BYTE: Duration = Duration::from_micros(62_500);

#[tokio::test(start_paused = true)]
async fn bytes_take_their_time() {
    let mut service = Driven::start(&DEFAULT, &[]).await.unwrap();
    let start = Instant::now();
    for (count, total) in [(16, 16), (1, 17), (255, 272)] {
        assert_eq!(service.call(&[count, 99]).await.unwrap().len(), usize::from(count));
        let late = start.elapsed().checked_sub(BYTE * total).expect("not too early");
        // The timers of Tokio count in milliseconds.
        assert!(late <= Duration::from_millis(3), "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn time_is_not_saved_up() {
    let mut service = Driven::start(&DEFAULT, &[]).await.unwrap();
    tokio::time::advance(BYTE * 1000).await;
    service.send(Domain::Call, &[200]).await.unwrap();
    assert_eq!(service.try_next().await.unwrap().expect("it is sent at once").2.len(), 200);
    service.send(Domain::Call, &[1]).await.unwrap();
    assert_eq!(service.try_next().await.unwrap(), None);
    tokio::time::advance(BYTE + Duration::from_millis(1)).await;
    assert_eq!(service.try_next().await.unwrap().expect("it is time").2.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn impatient_calls_get_nothing() {
    let mut service = Driven::start(&DEFAULT, &[]).await.unwrap();
    service.send(Domain::Call, &[10]).await.unwrap();
    let start = Instant::now();
    assert_eq!(service.call(&[5]).await.unwrap(), b"");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(service.reply().await.unwrap().len(), 10, "the delayed reply comes after all");
    assert!(start.elapsed() >= BYTE * 10);
    for content in [&[][..], &[0], &[0, 1]] {
        assert_eq!(service.call(content).await.unwrap(), b"", "{content:?}");
    }
    service.send(Domain::Info, &[1]).await.unwrap();
    tokio::time::advance(BYTE * 10).await;
    assert_eq!(service.try_next().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn the_delayed_reply_is_saved() {
    let mut service = Driven::start(&DEFAULT, &[]).await.unwrap();
    assert!(service.save().await.is_empty());
    service.send(Domain::Call, &[10]).await.unwrap();
    let snapshot = service.save().await;
    assert_eq!(snapshot, [1]);
    assert_eq!(service.reply().await.unwrap().len(), 10, "here it goes on");
    assert!(service.save().await.is_empty());

    let mut elsewhere = Driven::start(&DEFAULT, &snapshot).await.unwrap();
    assert_eq!(elsewhere.save().await, [1]);
    let start = Instant::now();
    assert_eq!(elsewhere.reply().await.unwrap().len(), 1);
    assert!(start.elapsed() <= Duration::from_millis(2), "{:?}", start.elapsed());
    assert!(elsewhere.save().await.is_empty());
}

#[tokio::test]
async fn other_snapshots_are_refused() {
    for (snapshot, expect) in [
        (&[0][..], "state 0 of random is unknown"),
        (&[2], "state 2 of random is unknown"),
        (&[1, 1], "state of random is longer than a byte"),
    ] {
        match Driven::start(&DEFAULT, snapshot).await.map(drop) {
            Err(Failure::Snapshot(text)) => assert_eq!(text, expect),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_configured() {
    let fast = Random { bits_per_minute: u32::MAX };
    let mut service = Driven::start(&fast, &[]).await.unwrap();
    let start = Instant::now();
    let (first, second) = (service.call(&[32]).await.unwrap(), service.call(&[32]).await.unwrap());
    assert_ne!(first, second);
    assert!(start.elapsed() < BYTE);

    let slow = Random { bits_per_minute: 1 };
    let mut service = Driven::start(&slow, &[]).await.unwrap();
    let start = Instant::now();
    assert_eq!(service.call(&[255]).await.unwrap().len(), 255);
    assert!(start.elapsed() >= Duration::from_secs(255 * 8 * 60));

    let none = Random { bits_per_minute: 0 };
    assert!(!none.is_discoverable(&client(None)) && slow.is_discoverable(&client(None)));
    let mut service = Driven::start(&none, &[]).await.unwrap();
    assert_eq!(service.call(&[1]).await.unwrap(), b"", "a program can bring the service along");
}

#[tokio::test(start_paused = true)]
async fn it_is_a_service() {
    conformance::check(|| {
        let script = Script::new()
            .send(Message::call(&[3]))
            .until(|program| program.replies() == 1)
            .send(Message::call(&[]))
            .until(|program| program.replies() == 2)
            .send(Message::call(&[1]))
            .until(|program| program.replies() == 3)
            .forget(|transcript| {
                for call in &mut transcript.calls {
                    // The bytes are random, and there are fewer when the program was saved in between.
                    call.reply = call.reply.take().map(|bytes| vec![u8::from(!bytes.is_empty())]);
                }
            });
        Subject {
            patience: || Box::pin(tokio::time::sleep(Duration::from_secs(60))),
            ..Subject::new(Arc::new(DEFAULT), script)
        }
    })
    .await
    .unwrap();
}
