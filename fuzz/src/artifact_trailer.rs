//! Files found in the artifact cache: any bytes at all, and whole files that were tampered with.

use std::io::Cursor;

use gate_store::{FORMAT, Key, Rejection, TRAILER_BYTES, Trailer, verify};

/// Judges `data` as a file, and then a file with a sound trailer made of it: neither may pass for what it is not.
///
/// # Panics
/// When a file is accepted that is not what was written, or the other way round.
pub fn run(data: &[u8]) {
    let key = Key::from_bytes([0x5a; 32]);
    if let Ok(artifact_bytes) = verify(&mut Cursor::new(data), &key) {
        let trailer: &[u8; TRAILER_BYTES] = data.last_chunk().expect("an accepted file has a trailer");
        let trailer = Trailer::decode(trailer).expect("an accepted file has a sound trailer");
        assert_eq!(trailer.key, key);
        assert_eq!(artifact_bytes, (data.len() - TRAILER_BYTES) as u64);
    }
    if let Some(bytes) = data.last_chunk()
        && let Ok(trailer) = Trailer::decode(bytes)
    {
        assert_eq!(trailer.encode(), *bytes, "decoding loses nothing");
    }

    // The right key and length, and a checksum that is wrong unless guessed.
    let trailer = Trailer { key, artifact_bytes: data.len() as u64, checksum: 0x0123_4567_89ab_cdef };
    let mut file = [data, &trailer.encode()].concat();
    let found = match verify(&mut Cursor::new(&file), &key) {
        Err(Rejection::Checksum { found, stated }) => {
            assert_eq!(stated, trailer.checksum);
            found
        }
        other => panic!("a wrong checksum was not the reason: {other:?}"),
    };
    file.truncate(data.len());
    file.extend(Trailer { checksum: found, ..trailer }.encode());
    assert_eq!(verify(&mut Cursor::new(&file), &key).expect("the file is whole"), data.len() as u64);

    // What the input says is to be changed is changed.
    if let [at, more, rest @ ..] = data
        && let Some(offset) = (usize::from(*at) << 8 | usize::from(*more)).checked_rem(file.len())
    {
        let flip = rest.first().copied().unwrap_or(1).max(1);
        file[offset] ^= flip;
        verify(&mut Cursor::new(&file), &key).expect_err("a changed file must not be accepted");
        file[offset] ^= flip;
        file.truncate(offset);
        verify(&mut Cursor::new(&file), &key).expect_err("a torn file must not be accepted");
    }
    assert_ne!(FORMAT, 0, "a file of zeros must not be of any format");
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 5_000);
}
