//! Sends what services there are, and an identity.
//!
//! This version of the crate asks for the instance's identity where it means the principal's: those numbers were others once.

use gain::stream::{Close, Write};
use gain::task::block_on;
use gain::{catalog, identity, origin};

fn main() {
    block_on(async {
        let identity = identity::principal_id().await;
        let mut connection = origin::accept().await.unwrap();
        let text = format!("{}{}\n", catalog::json().await, identity.unwrap_or_default());
        connection.write_all(text.as_bytes()).await.unwrap();
        connection.close().await;
    })
}
