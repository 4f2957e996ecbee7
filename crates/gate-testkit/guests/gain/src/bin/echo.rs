//! Sends back what the first connection sends.

use gain::origin;
use gain::stream::buf::{Read, ReadWriteStream};
use gain::stream::Write;
use gain::task::block_on;

fn main() {
    block_on(async {
        let mut connection = ReadWriteStream::new(origin::accept().await.unwrap());
        let mut buffer = vec![0; 1000];
        loop {
            let len = connection.read(&mut buffer).await.unwrap();
            if len == 0 {
                break;
            }
            connection.write_all(&buffer[..len]).await.unwrap();
        }
        // In this version of the crate, closing a buffered stream after its end panics. Dropping closes it, too.
    })
}
