//! Streams of packets that a program sends: any bytes, packets that make sense, and both cut into pieces at random.

use arbitrary::{Result, Unstructured};
use gate_packet::directory::{Directory, Route};
use gate_packet::{ALIGNMENT, Code, Domain, HEADER_SIZE, MAX_SIZE, Packet, Parser, Violation};
use gate_packet::{discovery, encode};

/// Takes streams apart, whole and in pieces: what comes out must be the same.
///
/// # Panics
/// When it is not, when more is kept than one packet, or when the code under test panics.
pub fn run(data: &[u8]) {
    let (cuts, rest) = data.split_at(data.len() / 8);
    judge(rest, cuts);
    let stream = stream(&mut Unstructured::new(rest));
    judge(&stream, cuts);
}

/// Packets as a program would send them, with here and there something that is none.
fn stream(u: &mut Unstructured<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    while !u.is_empty() && append(u, &mut out).is_ok() {}
    out
}

pub(crate) fn append(u: &mut Unstructured<'_>, out: &mut Vec<u8>) -> Result<()> {
    let code = match u.int_in_range(0..=3)? {
        0 => Code::Discovery,
        _ => Code::Service(u.int_in_range(0..=7)?),
    };
    match u.int_in_range(0..=15)? {
        0..=3 => {
            // Few names, so that some are discovered twice.
            let names: Vec<Vec<u8>> = u
                .arbitrary_iter::<(u8, u8)>()?
                .take(6)
                .map(|name| name.map(|(name, len)| vec![name % 4; usize::from(len % 3 + 1)]))
                .collect::<Result<_>>()?;
            let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
            encode::packet(out, Code::Discovery, Domain::Call, 0, &request(&names))
                .expect("the names are short");
        }
        4 => {
            let header: [u8; HEADER_SIZE] = u.arbitrary()?;
            out.extend(header);
        }
        5 => out.extend(u.bytes(1)?),
        6 => {
            // Larger than one piece, up to the largest there is.
            let len = u.int_in_range(0..=MAX_SIZE as usize - HEADER_SIZE)?;
            encode::packet(out, code_for_info(code), Domain::Info, 0, &vec![7; len])
                .expect("it is not too long");
        }
        kind => {
            let domain = Domain::from_number(kind % 4).expect("there are four");
            let len = u.int_in_range(0..=40)?;
            let content = u.bytes(usize::min(len, u.len()))?;
            encode::packet(out, code, domain, u.arbitrary()?, content).expect("it is not too long");
        }
    }
    Ok(())
}

/// The content of a discovery request, as [`discovery::encode_request`] makes it.
fn request(names: &[&[u8]]) -> Vec<u8> {
    let mut packet = Vec::new();
    discovery::encode_request(&mut packet, names).expect("the names are short");
    let mut rest = packet.as_slice();
    let mut parser = Parser::new();
    let packet = parser.next(&mut rest).expect("we made it").expect("all of it is there");
    packet.content().to_vec()
}

/// Info packets of service discovery come from the runtime only.
fn code_for_info(code: Code) -> Code {
    if code == Code::Discovery { Code::Service(0) } else { code }
}

/// The lengths of pieces: each byte is one; what is left is the last piece.
fn pieces<'a>(mut stream: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        // Few large pieces among small ones, as packets can be large, too.
        let len = if *cut < 0xf0 { usize::from(*cut) } else { usize::from(*cut) * 100 };
        let Some((piece, rest)) = stream.split_at_checked(len) else { break };
        pieces.push(piece);
        stream = rest;
    }
    pieces.push(stream);
    pieces
}

/// What became of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    packets: Vec<(Code, Domain, u8, Vec<u8>)>,
    /// What is left at the end.
    end: Result<Vec<u8>, Violation>,
}

fn judge(stream: &[u8], cuts: &[u8]) {
    let whole = parse(&[stream], None);
    let pieces = pieces(stream, cuts);
    let restart = cuts.first().map(|first| usize::from(*first) % pieces.len());
    assert_eq!(whole, parse(&pieces, None), "pieces make a difference");
    assert_eq!(whole, parse(&pieces, restart), "continuing makes a difference");
    assert_eq!(whole, split(stream), "it makes a difference whether the stream lies in one place");
    if let Ok(partial) = &whole.end {
        let sizes: usize = whole
            .packets
            .iter()
            .map(|(_, _, _, content)| (HEADER_SIZE + content.len()).next_multiple_of(ALIGNMENT))
            .sum();
        assert_eq!(sizes + partial.len(), stream.len(), "bytes are lost");
    }
    for (code, domain, index, content) in &whole.packets {
        let mut bytes = Vec::new();
        encode::packet(&mut bytes, *code, *domain, *index, content).expect("it was a packet");
        let again = parse(&[&bytes], None);
        assert_eq!(again.packets, [(*code, *domain, *index, content.clone())]);
    }

    assert_eq!(routed(&[stream]), routed(&pieces), "pieces make a difference to routes");
}

/// Parses `pieces`. Before the piece with number `restart` a new parser takes over.
fn parse(pieces: &[&[u8]], restart: Option<usize>) -> Parsed {
    let mut parsed = Parsed { packets: Vec::new(), end: Ok(Vec::new()) };
    let mut parser = Parser::new();
    for (number, piece) in pieces.iter().enumerate() {
        if restart == Some(number) {
            let partial = parser.partial().to_vec();
            parser = Parser::new();
            assert!(matches!(parser.next(&mut &*partial), Ok(None)), "an incomplete packet is none");
        }
        let mut rest = *piece;
        loop {
            match parser.next(&mut rest) {
                Ok(Some(packet)) => parsed.packets.push(keep(&packet)),
                Ok(None) => break,
                Err(violation) => {
                    assert_eq!(parser.next(&mut rest).map(drop), Err(violation), "a violation is forgotten");
                    parsed.end = Err(violation);
                    return parsed;
                }
            }
        }
        assert!(rest.is_empty(), "bytes are left over");
        assert!(parser.partial().len() < MAX_SIZE as usize, "more than a packet is kept");
    }
    parsed.end = Ok(parser.partial().to_vec());
    parsed
}

/// Takes packets from the front of a stream that is there as a whole.
fn split(stream: &[u8]) -> Parsed {
    let mut packets = Vec::new();
    let mut rest = stream;
    let end = loop {
        match Packet::split_first(rest) {
            Ok(Some((packet, behind))) => {
                packets.push(keep(&packet));
                rest = behind;
            }
            Ok(None) => break Ok(rest.to_vec()),
            Err(violation) => break Err(violation),
        }
    };
    Parsed { packets, end }
}

fn keep(packet: &Packet<'_>) -> (Code, Domain, u8, Vec<u8>) {
    let content = packet.content();
    assert!(HEADER_SIZE + content.len() <= MAX_SIZE as usize);
    assert_eq!(packet.data().is_some(), packet.domain() == Domain::Data);
    let flows = if packet.domain() == Domain::Flow { content.len() / 8 } else { 0 };
    assert_eq!(packet.flows().count(), flows);
    (packet.code(), packet.domain(), packet.index(), content.to_vec())
}

/// The states in `bytes`, a whole packet, are those of the services in `directory`.
fn check_states(bytes: &[u8], domain: Domain, directory: &Directory) {
    let mut parser = Parser::new();
    let mut rest = bytes;
    let packet = parser.next(&mut rest).expect("we made it").expect("all of it is there");
    assert!(rest.is_empty());
    assert_eq!(packet.domain(), domain);
    let told: Vec<bool> =
        discovery::states(&packet).expect("these are states").iter().map(|state| *state == 1).collect();
    let known: Vec<bool> = directory.services().iter().map(|service| service.available).collect();
    assert_eq!(told, known);
}

/// The routes of all packets where half of all services are available, and the answers.
fn routed(pieces: &[&[u8]]) -> (Vec<Route>, Vec<u8>, Option<Violation>) {
    let available = |name: &[u8]| name.first().is_some_and(|first| first % 2 == 0);
    let (mut parser, mut directory) = (Parser::new(), Directory::new());
    let (mut routes, mut replies) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let route = match parser.next(&mut rest) {
                Ok(Some(packet)) => directory.route(&packet, &mut replies, available),
                Ok(None) => break,
                Err(violation) => Err(violation),
            };
            match route {
                Ok(route) => routes.push(route),
                Err(violation) => return (routes, replies, Some(violation)),
            }
        }
    }
    let names = directory.services().iter().map(|service| &*service.name);
    assert_eq!(Directory::restore(names, available).as_ref(), Ok(&directory), "a directory is not restored");
    let mut notification = Vec::new();
    directory.notify(&mut notification);
    assert_eq!(notification.is_empty(), directory.services().is_empty());
    if !notification.is_empty() {
        check_states(&notification, Domain::Info, &directory);
    }
    (routes, replies, None)
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 2_000);
}
