//! Sends 40 random bytes, as a line of hexadecimal digits. The crate has no function for that service.

use gain::origin;
use gain::service::Service;
use gain::stream::{Close, Write};
use gain::task::block_on;

async fn random(mut len: usize) -> Vec<u8> {
    let service = Service::register("random");
    let mut bytes = Vec::new();
    while len > 0 {
        let content = [len.min(16) as u8];
        let reply = service.call(&content, |reply: &[u8]| reply.to_vec()).await;
        len -= reply.len();
        bytes.extend(reply);
    }
    bytes
}

fn main() {
    block_on(async {
        let bytes = random(40).await;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut connection = origin::accept().await.unwrap();
        connection.write_all(format!("{digits}\n").as_bytes()).await.unwrap();
        connection.close().await;
    })
}
