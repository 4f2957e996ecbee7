//! Lines of any length, out of pieces of any size.

use tokio::io::AsyncWriteExt as _;

use super::{MAX_LINE, read_lines};

fn lines(pieces: &[&[u8]]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut writer, reader) = tokio::io::duplex(64);
        let write = async move {
            for piece in pieces {
                writer.write_all(piece).await.unwrap();
            }
        };
        let mut lines = Vec::new();
        let ((), ()) = tokio::join!(write, read_lines(reader, |line| lines.push(line.to_owned())));
        lines
    })
}

#[test]
fn lines_are_taken_apart() {
    assert_eq!(lines(&[b"a\nb", b"c\n\nd\xff"]), ["a", "bc", "", "d\u{fffd}"]);
    assert!(lines(&[]).is_empty());
}

#[test]
fn a_line_without_end_comes_in_pieces() {
    let long = vec![b'x'; 3 * MAX_LINE + 10];
    let lines = lines(&[&long]);
    assert!(lines.iter().all(|line| line.len() <= MAX_LINE + 256 && line.len() >= 10));
    assert_eq!(lines.concat().len(), long.len());
    assert!(lines.len() >= 3);
}
