//! Which instructions people mean.

use crate::symbols::Symbols;

/// Why nobody knows what is meant.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum LocateError {
    /// It is an offset that is in no function.
    #[error("there is no function at offset {offset:#x}")]
    Offset { offset: u32 },
    /// It is a line, and there is no debug information.
    #[error("the module has no debug information that tells of lines")]
    NoLines,
    /// It is a line of a file that has no code there.
    #[error("no file of that name has code at line {line} or behind it")]
    Line { line: u32 },
    /// It is the name of a function that there is not.
    #[error("the module has no function of that name (write an offset like 0x1f, a function, or FILE:LINE)")]
    Function,
    /// The function is imported: it has no instructions.
    #[error("function {function} is imported; break where it is called")]
    Imported { function: u32 },
}

/// The instructions that somebody means who says `place`: an offset in the module (`0x1f`, or decimal), a function by its name, or
/// a line of a file (`main.c:7`). They are given by their offsets; there is at least one. Whether there is an instruction at
/// an offset is not known.
///
/// # Errors
/// [`LocateError`] if there is nothing of the kind.
pub fn locate(symbols: &Symbols<'_>, place: &str) -> Result<Vec<u32>, LocateError> {
    let digits = place.strip_prefix("0x");
    let offset = digits.map_or_else(|| place.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok());
    if let Some(offset) = offset {
        symbols.function_at(offset).ok_or(LocateError::Offset { offset })?;
        return Ok(vec![offset]);
    }
    // A name in C++ has colons, and numbers are not behind the last of them.
    if let Some((file, line)) = place.rsplit_once(':')
        && let Ok(line) = line.parse()
    {
        if !symbols.has_lines() {
            return Err(LocateError::NoLines);
        }
        let code = symbols.line_code(file, line).filter(|code| !code.offsets.is_empty());
        return code.map(|code| code.offsets).ok_or(LocateError::Line { line });
    }
    let functions = symbols.functions_named(place);
    let first = *functions.first().ok_or(LocateError::Function)?;
    let offsets: Vec<u32> =
        functions.iter().filter_map(|function| symbols.first_instruction(*function)).collect();
    if offsets.is_empty() { Err(LocateError::Imported { function: first }) } else { Ok(offsets) }
}

#[cfg(test)]
mod tests;
