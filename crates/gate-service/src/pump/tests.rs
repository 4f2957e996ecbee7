//! Tests of the pump.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{Fault, Pump};
use crate::{Client, Scope, models};

mod examples;
mod lives;
mod order;
mod violations;

/// A program that belongs to nobody.
fn client() -> Arc<Client> {
    Arc::new(Client {
        principal: None,
        instance: None,
        process_key: [0; 16],
        scope: Scope::new([]),
        system_user: None,
    })
}

/// The pump of a program that starts, with all model services.
fn pump() -> Pump {
    Pump::new(models::registry(), client())
}

/// What `pump` has for the program once this was received, as long as nothing has to be waited for.
#[track_caller]
fn answer(pump: &mut Pump, bytes: &[u8]) -> Vec<u8> {
    exchange(pump, bytes).unwrap()
}

fn exchange(pump: &mut Pump, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut answer = Vec::new();
    pump.receive(bytes);
    loop {
        pump.poll(&mut Context::from_waker(Waker::noop()))?;
        let count = pump.outgoing().len();
        if count == 0 {
            return Ok(answer);
        }
        answer.extend_from_slice(pump.outgoing());
        pump.delivered(count);
    }
}

/// What `future` becomes, which must not have to wait.
#[track_caller]
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits for something"),
    }
}

/// The bytes that `text` lists in hexadecimal.
fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}
