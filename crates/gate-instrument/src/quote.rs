//! Shows text that a module's author chose.
//!
//! Such text reaches terminals and logs, so nothing that could steer a terminal gets through, and none of it is long.

/// The longest name that is shown, in characters.
const NAME_CHARS: usize = 80;

/// `name` in double quotes: control, invisible and reordering characters, double quotes and backslashes escaped, and cut
/// after [`NAME_CHARS`].
pub(crate) fn name(name: &str) -> String {
    format!("\"{}\"", escaped(name, NAME_CHARS, "'"))
}

/// `message` with control, invisible and reordering characters escaped, cut after `limit` characters.
pub(crate) fn message(message: &str, limit: usize) -> String {
    escaped(message, limit, "'\"")
}

/// The first `limit` characters of `from`, those in `plain` as they are.
fn escaped(from: &str, limit: usize, plain: &str) -> String {
    let mut text = String::new();
    for (count, c) in from.chars().enumerate() {
        if count == limit {
            text.push('…');
            break;
        }
        if plain.contains(c) {
            text.push(c);
        } else {
            text.extend(c.escape_debug());
        }
    }
    text
}

#[cfg(test)]
mod tests;
