//! Streams that begin and end.

use gate_packet::Domain;

use super::{Sender, Streams};
use crate::limits::MAX_STREAMS;
use crate::packets::Received;

fn flow(id: i32, value: i32) -> Vec<u8> {
    [id.to_le_bytes(), value.to_le_bytes()].concat()
}

fn passes(streams: &mut Streams, sender: Sender, domain: Domain, content: &[u8]) {
    let packet = Received { domain, index: 0, content };
    streams.sent(&packet);
    streams.arrived(sender, &packet);
}

#[test]
fn a_stream_is_there_until_all_four_ends_have_arrived() {
    for last in 0..4 {
        let mut streams = Streams::new(false);
        assert!(!streams.are_there());
        let mut ends = vec![
            (Sender::Program, Domain::Flow),
            (Sender::Server, Domain::Flow),
            (Sender::Program, Domain::Data),
            (Sender::Server, Domain::Data),
        ];
        let last = ends.remove(last);
        passes(&mut streams, Sender::Program, Domain::Flow, &[flow(7, 100), flow(7, -3)].concat());
        passes(&mut streams, Sender::Server, Domain::Data, &[&flow(7, 0)[..], b"data"].concat());
        for (sender, domain) in ends {
            // Twice is not more.
            passes(&mut streams, sender, domain, &flow(7, 0));
            passes(&mut streams, sender, domain, &flow(7, 0));
            assert!(streams.are_there());
        }
        let content = flow(7, 0);
        let packet = Received { domain: last.1, index: 0, content: &content };
        streams.sent(&packet);
        assert!(streams.are_there(), "it has not arrived");
        streams.arrived(last.0, &packet);
        assert!(!streams.are_there());
    }
}

#[test]
fn what_is_not_known_stays() {
    let mut streams = Streams::new(true);
    passes(&mut streams, Sender::Program, Domain::Call, &flow(0, 1));
    assert!(streams.are_there());

    let mut streams = Streams::new(false);
    passes(&mut streams, Sender::Program, Domain::Info, &flow(0, 1));
    assert!(!streams.are_there());
    let count = i32::try_from(MAX_STREAMS).unwrap();
    for id in 0..=count {
        passes(&mut streams, Sender::Program, Domain::Flow, &flow(id, 1));
    }
    assert_eq!(streams.open.len(), MAX_STREAMS);
    for id in 0..=count {
        for sender in [Sender::Program, Sender::Server] {
            passes(&mut streams, sender, Domain::Flow, &flow(id, 0));
            passes(&mut streams, sender, Domain::Data, &flow(id, 0));
        }
    }
    assert!(streams.open.is_empty() && streams.are_there());
}
