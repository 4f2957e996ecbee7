//! A program, written out: it counts calls, credit and bytes as programs do.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gate_packet::Domain;
use gate_service::Failure;
use tokio::time::timeout;

use super::super::*;
use crate::driven::Driven;
use crate::host::Host;

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(2000);

/// Allows that host, and nothing else.
pub(super) fn config(host: &Host) -> Config {
    let scheme = if host.certificate.is_empty() { "http" } else { "https" };
    let rule: Rule = format!("{scheme}://localhost:{}", host.port).parse().unwrap();
    let mut config = Config::new(Policy { rules: vec![rule.allow_private_addresses()] });
    config.authorities = Some(vec![host.certificate.clone()]);
    config
}

/// The call that begins a request.
pub(super) fn request(method: &str, url: &str, headers: &[(&str, &str)], length: u64) -> Vec<u8> {
    let mut call = vec![0, u8::try_from(method.len()).unwrap()];
    call.extend_from_slice(&u16::try_from(url.len()).unwrap().to_le_bytes());
    call.extend_from_slice(&u16::try_from(headers.len()).unwrap().to_le_bytes());
    call.extend_from_slice(&[0, 0]);
    call.extend_from_slice(&length.to_le_bytes());
    call.extend_from_slice(&0_u32.to_le_bytes());
    call.extend_from_slice(method.as_bytes());
    call.extend_from_slice(url.as_bytes());
    for (name, value) in headers {
        call.push(u8::try_from(name.len()).unwrap());
        call.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        call.extend_from_slice(name.as_bytes());
        call.extend_from_slice(value.as_bytes());
    }
    call
}

/// Error, status, and headers of a response.
pub(super) type Head = (i16, u16, Vec<(String, String)>);

fn parse_head(reply: &[u8]) -> Head {
    let number = |at: usize| u16::from_le_bytes([reply[at], reply[at + 1]]);
    let mut rest = &reply[8..];
    let mut headers = Vec::new();
    for _ in 0..number(4) {
        let (name, value) = (usize::from(rest[0]), usize::from(u16::from_le_bytes([rest[1], rest[2]])));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        headers.push((text(&rest[3..3 + name]), text(&rest[3 + name..3 + name + value])));
        rest = &rest[3 + name + value..];
    }
    assert_eq!(rest, b"");
    (i16::from_le_bytes([reply[0], reply[1]]), number(2), headers)
}

#[derive(Debug, Default)]
struct Stream {
    body: Vec<u8>,
    note: Option<i32>,
    /// That it can send.
    credit: usize,
    flow_has_ended: bool,
    /// That it has given, and was not used.
    granted: usize,
}

pub(super) struct Program {
    pub(super) factory: Http,
    service: Option<Driven>,
    /// What the calls that have not been answered were for: number of the call.
    calls: VecDeque<usize>,
    made: usize,
    replies: BTreeMap<usize, Vec<u8>>,
    asked: BTreeMap<i32, usize>,
    streams: BTreeMap<i32, Stream>,
}

impl Program {
    pub(super) async fn new(config: Config) -> Self {
        let factory = Http::new(config);
        let service = Some(Driven::start(&factory, &[]).await.unwrap());
        Self {
            factory,
            service,
            calls: VecDeque::new(),
            made: 0,
            replies: BTreeMap::new(),
            asked: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }

    fn service(&mut self) -> &mut Driven {
        self.service.as_mut().unwrap()
    }

    pub(super) async fn send(&mut self, domain: Domain, content: &[u8]) -> Result<(), Failure> {
        self.service().send(domain, content).await
    }

    fn take(&mut self, (domain, index, content): (Domain, u8, Vec<u8>)) {
        let int = |at: usize| i32::from_le_bytes(content[at..at + 4].try_into().unwrap());
        match domain {
            Domain::Call => {
                let call = self.calls.remove(index.into()).expect("a reply to a call that was made");
                self.replies.insert(call, content);
            }
            Domain::Info => panic!("an info packet"),
            Domain::Flow => {
                let stream = self.streams.get_mut(&int(0)).expect("flow of a stream that there is");
                assert!(!stream.flow_has_ended);
                stream.flow_has_ended = int(4) == 0;
                stream.credit += usize::try_from(int(4)).unwrap();
                assert!(stream.credit <= 65_520, "{}", stream.credit);
            }
            Domain::Data => {
                let stream = self.streams.get_mut(&int(0)).expect("data of a stream that there is");
                let asked = self.asked.get(&int(0));
                assert!(asked.is_none_or(|call| self.replies.contains_key(call)), "data before the head");
                assert_eq!(stream.note, None);
                let len = content.len() - 8;
                stream.granted = stream.granted.checked_sub(len).expect("no more than was granted");
                stream.body.extend_from_slice(&content[8..]);
                stream.note = (len == 0).then(|| int(4));
            }
        }
    }

    async fn receive(&mut self) {
        let packet = timeout(PATIENCE, self.service().next()).await.expect("something happens").unwrap();
        self.take(packet);
    }

    /// Receives until nothing has come for a while.
    pub(super) async fn settle(&mut self) {
        while let Ok(packet) = timeout(Duration::from_millis(50), self.service().next()).await {
            self.take(packet.unwrap());
        }
    }

    async fn make_call(&mut self, content: &[u8]) -> usize {
        self.send(Domain::Call, content).await.unwrap();
        let call = self.made;
        self.made += 1;
        self.calls.push_back(call);
        call
    }

    async fn reply(&mut self, call: usize) -> Vec<u8> {
        while !self.replies.contains_key(&call) {
            self.receive().await;
        }
        self.replies[&call].clone()
    }

    pub(super) async fn call(&mut self, content: &[u8]) -> Vec<u8> {
        let call = self.make_call(content).await;
        self.reply(call).await
    }

    pub(super) async fn begin(&mut self, content: &[u8]) -> Result<i32, i16> {
        let call = self.make_call(content).await;
        let reply = self.reply(call).await;
        assert_eq!((reply.len(), &reply[2..4]), (8, &[0, 0][..]));
        let stream = i32::from_le_bytes(reply[4..].try_into().unwrap());
        match i16::from_le_bytes([reply[0], reply[1]]) {
            0 => {
                self.streams.insert(stream, Stream::default());
                self.asked.remove(&stream);
                Ok(stream)
            }
            error => {
                assert_eq!(stream, -1);
                Err(error)
            }
        }
    }

    pub(super) async fn ask(&mut self, id: i32) {
        let call = self.make_call(&[&[1, 0, 0, 0], &id.to_le_bytes()[..]].concat()).await;
        self.asked.entry(id).or_insert(call);
    }

    /// The reply to the call for the response that was made before.
    pub(super) async fn reply_of(&mut self, id: i32) -> Head {
        let reply = self.reply(self.asked[&id]).await;
        parse_head(&reply)
    }

    pub(super) async fn response(&mut self, id: i32) -> Head {
        let call = self.make_call(&[&[1, 0, 0, 0], &id.to_le_bytes()[..]].concat()).await;
        self.asked.entry(id).or_insert(call);
        let reply = self.reply(call).await;
        parse_head(&reply)
    }

    pub(super) async fn flow(&mut self, id: i32, credit: usize) {
        let value = i32::try_from(credit).unwrap();
        self.send(Domain::Flow, &[id.to_le_bytes(), value.to_le_bytes()].concat()).await.unwrap();
        self.streams.get_mut(&id).unwrap().granted += credit;
    }

    /// Ends the flow of the response.
    pub(super) async fn close(&mut self, id: i32) {
        self.flow(id, 0).await;
    }

    pub(super) async fn data(&mut self, id: i32, bytes: &[u8]) {
        while self.streams[&id].credit < bytes.len() {
            self.receive().await;
        }
        self.streams.get_mut(&id).unwrap().credit -= bytes.len();
        let content = [&id.to_le_bytes()[..], &[0; 4], bytes].concat();
        self.send(Domain::Data, &content).await.unwrap();
    }

    /// Sends all of that as soon as there is credit for it.
    pub(super) async fn write(&mut self, id: i32, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            while self.streams[&id].credit == 0 {
                self.receive().await;
            }
            let (now, later) = bytes.split_at(bytes.len().min(self.streams[&id].credit));
            self.data(id, now).await;
            bytes = later;
        }
    }

    /// Ends the data of the request.
    pub(super) async fn end(&mut self, id: i32) {
        self.data(id, b"").await;
    }

    /// How much can be sent, within this time.
    pub(super) async fn credit_within(&mut self, id: i32, time: Duration) -> Option<usize> {
        while self.streams[&id].credit == 0 {
            let packet = timeout(time, self.service().next()).await.ok()?;
            self.take(packet.unwrap());
        }
        Some(self.streams[&id].credit)
    }

    /// Gives `credit` whenever it is used up, until the end of the body.
    pub(super) async fn read(&mut self, id: i32, credit: usize) -> (Vec<u8>, i32) {
        loop {
            let stream = &self.streams[&id];
            if let Some(note) = stream.note {
                return (stream.body.clone(), note);
            }
            if stream.granted == 0 && credit > 0 {
                self.flow(id, credit).await;
            }
            self.receive().await;
        }
    }

    /// How much of the body has come, and its end.
    pub(super) fn received(&self, id: i32) -> (usize, Option<i32>) {
        (self.streams[&id].body.len(), self.streams[&id].note)
    }

    pub(super) async fn expect_flow_end(&mut self, id: i32) {
        while !self.streams[&id].flow_has_ended {
            self.receive().await;
        }
    }

    /// What the service keeps.
    pub(super) async fn save(&mut self) -> Vec<u8> {
        // What was sent before is on its way.
        while let Some(packet) = self.service().try_next().await.unwrap() {
            self.take(packet);
        }
        self.service().save().await
    }

    /// Ends the service, and has the program go on with another one.
    pub(super) async fn go_on(&mut self, factory: &Http, snapshot: &[u8]) {
        self.service = None;
        self.service = Some(Driven::start(factory, snapshot).await.unwrap());
    }

    /// Saves and goes on in the same host.
    pub(super) async fn restart(&mut self) {
        let snapshot = self.save().await;
        let factory = self.factory.clone();
        self.go_on(&factory, &snapshot).await;
    }
}
