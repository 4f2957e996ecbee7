//! Tests of parking.

use tokio::time::advance;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_thing_is_taken_once() {
    let park = Park::default();
    let (here, other) = (token().unwrap(), token().unwrap());
    park.put(here, "thing", &Handle::current());
    assert_eq!(park.take(&other), None);
    assert_eq!(park.take(&here), Some("thing"));
    assert_eq!(park.take(&here), None);
}

#[tokio::test(start_paused = true)]
async fn a_thing_is_dropped_when_nobody_comes() {
    let park = Park::default();
    let thing = Arc::new(());
    let token = token().unwrap();
    park.put(token, Arc::clone(&thing), &Handle::current());
    tokio::task::yield_now().await;
    advance(PARK_TIME - Duration::from_millis(10)).await;
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&thing), 2);
    advance(Duration::from_millis(20)).await;
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&thing), 1);
    assert_eq!(park.take(&token), None);
}

#[tokio::test]
async fn things_are_dropped_when_there_is_no_space() {
    let park = Park::default();
    let tokens: Vec<_> = (0..MAX_PARKED).map(|_| token().unwrap()).collect();
    for token in &tokens {
        park.put(*token, (), &Handle::current());
    }
    let late = token().unwrap();
    park.put(late, (), &Handle::current());
    assert_eq!(park.take(&late), None);
    assert!(tokens.iter().all(|token| park.take(token).is_some()));
    park.put(late, (), &Handle::current());
    assert_eq!(park.take(&late), Some(()));
}

#[test]
fn a_thing_is_parked_outside_of_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let park = Park::default();
    let token = token().unwrap();
    park.put(token, (), runtime.handle());
    drop(runtime);
    assert_eq!(park.take(&token), Some(()));
}
