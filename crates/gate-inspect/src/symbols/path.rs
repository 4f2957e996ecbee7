//! Paths of source files, as compilers write them.

/// The longest path that is made, in bytes.
const MAX_BYTES: usize = 1_024;

/// Appends `part` to `path`, or replaces it if that stands for itself.
pub(super) fn join(path: &mut String, part: &str) {
    if is_absolute(part) {
        path.clear();
    } else if !path.is_empty() && !path.ends_with(['/', '\\']) {
        path.push(if path.contains('\\') && !path.contains('/') { '\\' } else { '/' });
    }
    for character in part.chars() {
        if path.len() + character.len_utf8() > MAX_BYTES {
            break;
        }
        path.push(character);
    }
}

/// Whether the last components of `path` are those of `end`.
pub(super) fn ends_with(path: &str, end: &str) -> bool {
    let separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    match path.as_bytes().strip_suffix(end.as_bytes()) {
        Some([]) => true,
        Some(rest) => end.starts_with(['/', '\\']) || rest.last().is_some_and(separator),
        None => false,
    }
}

fn is_absolute(part: &str) -> bool {
    let mut bytes = part.bytes();
    match (bytes.next(), bytes.next(), bytes.next()) {
        (Some(b'/' | b'\\'), ..) => true,
        (Some(drive), Some(b':'), Some(b'/' | b'\\')) => drive.is_ascii_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, ends_with, join};

    fn check_joined(parts: &[&str], expect: &str) {
        let mut path = String::new();
        parts.iter().for_each(|part| join(&mut path, part));
        assert_eq!(path, expect, "{parts:?}");
    }

    #[test]
    fn parts_are_joined() {
        check_joined(&["/build", "src", "main.c"], "/build/src/main.c");
        check_joined(&["/build/", "main.c"], "/build/main.c");
        check_joined(&["/build", "/usr/include", "stdio.h"], "/usr/include/stdio.h");
        check_joined(&["", "main.c"], "main.c");
        check_joined(&["C:\\build", "main.c"], "C:\\build\\main.c");
        check_joined(&["C:\\build", "D:\\main.c"], "D:\\main.c");
    }

    #[test]
    fn they_do_not_become_long() {
        let mut path = "/".to_owned();
        for _ in 0..10 {
            join(&mut path, &"ä".repeat(MAX_BYTES / 3));
        }
        assert!(path.len() <= MAX_BYTES + 1, "{}", path.len());
    }

    #[test]
    fn components_are_compared_whole() {
        for (path, end, expect) in [
            ("/src/main.c", "main.c", true),
            ("/src/main.c", "src/main.c", true),
            ("/src/main.c", "/src/main.c", true),
            ("/src/domain.c", "main.c", false),
            ("C:\\src\\main.c", "main.c", true),
            ("main.c", "main.c", true),
            ("main.c", "other/main.c", false),
        ] {
            assert_eq!(ends_with(path, end), expect, "{path} {end}");
        }
    }
}
