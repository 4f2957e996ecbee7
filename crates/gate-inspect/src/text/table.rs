//! Lines in columns.

/// On which side a column is flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Lines in `N` columns.
pub(super) struct Table<const N: usize> {
    columns: [(&'static str, Align); N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with columns of these names, which may all be empty.
    pub(super) fn new(columns: &[(&'static str, Align); N]) -> Self {
        Self { columns: *columns, rows: Vec::new() }
    }

    /// Adds a line.
    pub(super) fn row(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Appends the lines, `limit` of them at most, each behind `indent`.
    pub(super) fn write(&self, text: &mut String, indent: &str, limit: usize) {
        let shown = self.rows.get(..limit).unwrap_or(&self.rows);
        let heads = self.columns.map(|(name, _)| name.to_owned());
        let head = heads.iter().any(|name| !name.is_empty()).then_some(&heads);
        let mut widths = [0; N];
        for row in head.into_iter().chain(shown) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in head.into_iter().chain(shown) {
            let mut line = indent.to_owned();
            for ((cell, width), (_, align)) in row.iter().zip(widths).zip(self.columns) {
                let padding = " ".repeat(width - cell.chars().count());
                let (before, behind) = match align {
                    Align::Left => ("", padding.as_str()),
                    Align::Right => (padding.as_str(), ""),
                };
                // A column in which nothing stands takes no room.
                if width > 0 {
                    line.extend([before, cell, behind, "  "]);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        let more = self.rows.len() - shown.len();
        if more > 0 {
            text.push_str(&format!("{indent}… and {more} more\n"));
        }
    }
}
