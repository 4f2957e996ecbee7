//! Why a stack makes no sense.

/// Why the stack of a snapshot makes no sense for its program. Frames are counted from the innermost, which is 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StackError {
    /// It does not consist of words.
    #[error("the stack has {found} bytes, which is not a number of words of 8 bytes")]
    Size { found: usize },
    /// It ends within a frame.
    #[error("the stack is cut off in frame {position}")]
    CutOff { position: usize },
    /// The header of a frame has an offset that no frame can have.
    #[error("frame {position} has offset {found}, which is not a positive multiple of 8")]
    Offset { position: usize, found: u32 },
    /// The bottom has another size than it should have.
    #[error("the bottom of the stack, number {number}, has offset {found} instead of {expected}")]
    BaseOffset { number: u32, found: u32, expected: u32 },
    /// The stack ends within its bottom.
    #[error("the stack is cut off in its bottom, number {number}")]
    BaseCutOff { number: u32 },
    /// There is something below the bottom.
    #[error("the stack has {words} words below its bottom")]
    Trailing { words: usize },
    /// Something has run and left no frames, or nothing has run and there are frames.
    #[error("the stack has {frames} frames above a bottom with number {number}")]
    Frames { number: u32, frames: usize },
    /// What should be a function to be run is none.
    #[error("the bottom of the stack has a function {found:#x}, which is no index")]
    NoFunction { found: u64 },
    /// A function to be run is not there, or has parameters, or results that it must not have, or is not exported.
    #[error("function {function} cannot be the {what} function of the program")]
    Function { function: u32, what: &'static str },
    /// A frame has the number of no site.
    #[error("frame {position} has number {found}, and the program has {sites} numbers")]
    Number { position: usize, found: u32, sites: u32 },
    /// A frame has another size than its site says.
    #[error("frame {position} with number {number} has offset {found} instead of {expected}")]
    Mismatch { position: usize, number: u32, found: u32, expected: u32 },
    /// A frame is at a site where nothing can be continued.
    #[error("frame {position} with number {number} is where no program can be continued")]
    Dead { position: usize, number: u32 },
    /// The innermost frame is in a call, or another one is not.
    #[error("frame {position} with number {number} is {found}, and {count} frames are further in")]
    Order { position: usize, number: u32, found: &'static str, count: usize },
    /// A function is not what is called by the frame further out.
    #[error("frame {position} is of function {function}, which is not what frame {} calls", position + 1)]
    Callee { position: usize, function: u32 },
}

impl StackError {
    /// How far the frames made sense: first places are looked for, from the innermost to the outermost frame, and then it is
    /// seen whether they fit together.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Number { position, .. } | Self::Mismatch { position, .. } | Self::Dead { position, .. } => {
                *position
            }
            Self::Order { position, .. } | Self::Callee { position, .. } => usize::MAX - position,
            Self::Function { .. } => usize::MAX,
            _ => 0,
        }
    }
}
