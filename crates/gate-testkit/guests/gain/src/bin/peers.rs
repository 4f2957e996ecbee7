//! Finds another program that runs this, and exchanges greetings with it.

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::oneshot;
use gain::stream::buf::{Read, ReadWriteStream};
use gain::stream::Write;
use gain::task::block_on;
use gain::{peer, peerindex};

const KIND: &str = "text/plain; charset=UTF-8";

fn main() {
    block_on(async {
        let (sender, asked) = oneshot::channel();
        let sender = Rc::new(RefCell::new(Some(sender)));
        peerindex::principal::register(Box::new(move |name: &str, kind: &str| {
            assert_eq!(kind, KIND);
            if let Some(sender) = sender.borrow_mut().take() {
                let _ = sender.send(name.to_owned());
            }
        }))
        .await;

        let name = match peerindex::principal::instances().await.unwrap().pop() {
            Some(name) => name,
            None => asked.await.unwrap(),
        };
        let (stream, kind) = peer::connect(peerindex::principal::GROUP_NAME, &name, KIND).await.unwrap();
        assert_eq!(kind, KIND);
        let mut connection = ReadWriteStream::new(stream);
        let greeting = format!("hello {name}\n");
        connection.write_all(greeting.as_bytes()).await.unwrap();

        let mut received = Vec::new();
        while received.last() != Some(&b'\n') {
            let mut buffer = [0; 256];
            let len = connection.read(&mut buffer).await.unwrap();
            assert!(len > 0);
            received.extend_from_slice(&buffer[..len]);
        }
        eprint!("{name} says: {}", String::from_utf8_lossy(&received));
    })
}
