//! Calls, replies and notifications.

/// A call to connect.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Connect<'a> {
    pub(super) group: &'a str,
    pub(super) peer: &'a str,
    pub(super) kind: &'a str,
}

/// What a call is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call<'a> {
    Connect(Connect<'a>),
    /// Something that is not known here.
    Unknown,
    Malformed,
}

/// What is wrong with a call to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed = 1,
    GroupNotFound = 2,
    PeerNotFound = 3,
    Singularity = 4,
    AlreadyConnecting = 5,
    AlreadyConnected = 6,
    TooManyStreams = 7,
}

impl Call<'_> {
    pub(super) fn parse(content: &[u8]) -> Call<'_> {
        match content.split_first_chunk() {
            None => Call::Malformed,
            Some(([0, 0, 0, 0], rest)) => connect(rest).map_or(Call::Malformed, Call::Connect),
            Some(_) => Call::Unknown,
        }
    }
}

fn connect(content: &[u8]) -> Option<Connect<'_>> {
    let mut rest = content.get(4..)?;
    let input = &mut rest;
    Some(Connect { group: name(input)?, peer: name(input)?, kind: name(input)? })
}

/// Takes a name from the front of `input`.
pub(super) fn name<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let (length, rest) = input.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    *input = rest;
    std::str::from_utf8(name).ok()
}

/// Appends a name, which was read by [`name`] and is not longer than 255 bytes therefore.
pub(super) fn put_name(out: &mut Vec<u8>, name: &str) {
    out.push(u8::try_from(name.len()).expect("names have at most 255 bytes"));
    out.extend_from_slice(name.as_bytes());
}

/// The reply to a call.
pub(super) fn reply(result: Result<(), Refusal>) -> [u8; 4] {
    let error = result.err().map_or(0, |refusal| refusal as u8);
    [error, 0, 0, 0]
}

/// The notification that a peer wants to connect (`id` is −1), or is connected.
pub(super) fn notification(id: i32, group: &str, peer: &str, kind: &str) -> Vec<u8> {
    let mut content = id.to_le_bytes().to_vec();
    content.extend([0; 4]);
    for text in [group, peer, kind] {
        put_name(&mut content, text);
    }
    content
}
