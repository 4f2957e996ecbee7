//! Tests of bodies on their way to a connection.

use std::task::Waker;

use super::*;

fn frame(body: &mut UploadBody) -> Poll<Option<Result<Vec<u8>, ()>>> {
    let polled = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
    polled.map(|frame| {
        frame.map(|frame| frame.map(|frame| frame.into_data().unwrap().to_vec()).map_err(|_| ()))
    })
}

fn waiting(upload: &Upload) -> Option<usize> {
    upload.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn what_is_sent_is_taken_as_a_whole() {
    let (upload, mut body) = upload(Some(7));
    assert_eq!(frame(&mut body), Poll::Pending);
    upload.push(b"one");
    upload.push(b"two");
    assert_eq!(waiting(&upload), Some(6));
    assert_eq!(body.size_hint().exact(), Some(7));
    assert_eq!(frame(&mut body), Poll::Ready(Some(Ok(b"onetwo".to_vec()))));
    assert_eq!(body.size_hint().exact(), Some(1));
    assert_eq!(waiting(&upload), Some(0));
    assert_eq!(frame(&mut body), Poll::Pending);
    upload.push(b"3");
    upload.complete();
    assert_eq!(frame(&mut body), Poll::Ready(Some(Ok(b"3".to_vec()))));
    assert_eq!(frame(&mut body), Poll::Ready(None));
}

#[test]
fn what_is_cut_is_not_complete() {
    let (upload, mut body) = upload(None);
    upload.push(b"some");
    drop(upload);
    assert_eq!(frame(&mut body), Poll::Ready(Some(Err(()))));
}

#[test]
fn a_connection_can_want_no_more() {
    let (upload, body) = upload(None);
    assert_eq!(body.size_hint().exact(), None);
    upload.push(b"some");
    drop(body);
    assert_eq!(waiting(&upload), None);
    upload.push(b"more");
    assert_eq!(waiting(&upload), None);
}
