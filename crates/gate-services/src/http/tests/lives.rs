//! Tests of programs that are saved, and go on.

use super::program::Head;
use super::*;

const LOST: i16 = ErrorNumber::Lost.number();

#[track_caller]
fn is_ok(head: &Head) {
    assert_eq!((head.0, head.1), (OK, 200), "{head:?}");
}

#[tokio::test]
async fn requests_go_on_in_the_same_host() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let sent: Vec<u8> = (0..200_000).map(byte_at).collect();
    let echo = program.begin(&request("POST", &host.url("/echo"), &[], u64::MAX)).await.unwrap();
    program.restart().await;
    let never = program.begin(&request("GET", &host.url("/never"), &[], 0)).await.unwrap();
    program.ask(never).await;
    program.ask(echo).await;
    program.restart().await;
    for part in sent.chunks(30_000) {
        program.write(echo, part).await;
        program.restart().await;
    }
    program.flow(echo, 150_000).await;
    program.restart().await;
    program.end(echo).await;
    program.restart().await;
    is_ok(&program.reply_of(echo).await);
    program.restart().await;
    program.settle().await;
    program.restart().await;
    let (body, note) = program.read(echo, 10_000).await;
    assert!(body == sent, "{}", body.len());
    assert_eq!(note, 0);
    program.restart().await;
    program.close(echo).await;
    program.expect_flow_end(echo).await;
    program.restart().await;
    assert_eq!(program.begin(&request("GET", &host.url("/head"), &[], 0)).await, Ok(echo));
    is_ok(&program.response(echo).await);
    assert_eq!(host.requests(), 3);
}

#[tokio::test]
async fn requests_are_lost_elsewhere_and_not_repeated() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let elsewhere = Http::new(config(&host));
    let asked = program.begin(&request("GET", &host.url("/never"), &[], 0)).await.unwrap();
    let unasked = program.begin(&request("POST", &host.url("/never"), &[], u64::MAX)).await.unwrap();
    let begun = program.begin(&request("POST", &host.url("/echo"), &[], u64::MAX)).await.unwrap();
    program.ask(asked).await;
    program.write(unasked, b"some").await;
    program.write(begun, b"some").await;
    is_ok(&program.response(begun).await);
    program.flow(begun, 3).await;
    program.settle().await;
    assert_eq!(host.requests(), 3);
    let snapshot = program.save().await;
    program.go_on(&elsewhere, &snapshot).await;

    assert_eq!(program.reply_of(asked).await.0, LOST);
    assert_eq!(program.response(unasked).await.0, LOST);
    assert_eq!(program.read(asked, 1).await, (Vec::new(), LOST.into()));
    assert_eq!(program.read(unasked, 1).await, (Vec::new(), LOST.into()));
    // What had arrived is there.
    assert_eq!(program.read(begun, 1).await, (b"some".to_vec(), LOST.into()));
    program.expect_flow_end(unasked).await;
    program.expect_flow_end(begun).await;
    program.data(unasked, b"more").await;
    for id in [unasked, begun] {
        program.end(id).await;
    }
    for id in [asked, unasked, begun] {
        program.close(id).await;
    }
    program.settle().await;
    assert_eq!(program.save().await, b"");
    assert_eq!(host.requests(), 3);
}

#[tokio::test]
async fn responses_that_are_there_come_along() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let length = 60_000;
    let call = request("GET", &host.url(&format!("/bytes/{length}")), &[], 0);
    let (unasked, read) = (program.begin(&call).await.unwrap(), program.begin(&call).await.unwrap());
    is_ok(&program.response(read).await);
    program.flow(read, 1234).await;
    program.settle().await;
    let snapshot = program.save().await;
    program.go_on(&Http::new(config(&host)), &snapshot).await;
    is_ok(&program.response(unasked).await);
    for id in [read, unasked] {
        let (body, note) = program.read(id, 7000).await;
        assert_eq!((body.len(), note), (length, 0));
        assert!(body.iter().enumerate().all(|(position, byte)| *byte == byte_at(position)));
    }
}

#[tokio::test]
async fn only_one_of_two_goes_on_with_the_connection() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let id = program.begin(&request("POST", &host.url("/echo"), &[], u64::MAX)).await.unwrap();
    program.ask(id).await;
    program.write(id, b"a").await;
    is_ok(&program.reply_of(id).await);
    let snapshot = program.save().await;
    let factory = program.factory.clone();

    // The one that was saved goes on, so the copy gets nothing.
    let mut copy = Driven::start(&factory, &snapshot).await.unwrap();
    program.write(id, b"b").await;
    program.end(id).await;
    assert_eq!(program.read(id, 10).await, (b"ab".to_vec(), 0));
    program.close(id).await;
    let credit = [id.to_le_bytes(), 10_i32.to_le_bytes()].concat();
    copy.send(Domain::Flow, &credit).await.unwrap();
    let (mut body, mut note) = (Vec::new(), None);
    while note.is_none() {
        let (domain, _, content) = copy.next().await.unwrap();
        if domain == Domain::Data {
            body.extend_from_slice(&content[8..]);
            note = (content.len() == 8).then(|| content[4..].to_vec());
        }
    }
    assert_eq!((body, note), (b"a".to_vec(), Some(i32::from(LOST).to_le_bytes().to_vec())));

    // What was saved is an old state once something has happened.
    drop(program);
    assert_eq!(factory.shared.park.take(&snapshot[1..17].try_into().unwrap()).map(|_| ()), None);
}

#[tokio::test]
async fn an_end_in_between_is_not_missed() {
    let host = Host::http().await;
    let mut program = Program::new(config(&host)).await;
    let id = program.begin(&request("GET", &host.url("/bytes/300000"), &[], 0)).await.unwrap();
    program.restart().await;
    is_ok(&program.response(id).await);
    let mut read = 0;
    while program.received(id).1.is_none() {
        program.flow(id, 10_000).await;
        read += 10_000;
        while program.received(id).0 < read.min(300_000) {
            program.settle().await;
            program.restart().await;
        }
        program.settle().await;
    }
    assert_eq!(program.received(id), (300_000, Some(0)));
}
