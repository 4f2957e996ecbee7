//! Trap numbers, names and texts: the one table of them.

macro_rules! traps {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal, $text:literal;)*) => {
        /// Why a program stopped before its end.
        ///
        /// Numbers below 32 are those of the existing system; numbers from 64 on are ours, for features it lacks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Trap {
            $($(#[$doc])* $variant = $id,)*
        }

        impl Trap {
            /// Every trap, in the order of their numbers.
            pub const ALL: &'static [Trap] = &[$(Trap::$variant),*];

            /// The number used in snapshots and on the wire.
            #[must_use]
            pub const fn id(self) -> u8 {
                self as u8
            }

            /// The trap with number `id`.
            #[must_use]
            pub const fn from_id(id: u8) -> Option<Trap> {
                match id {
                    $($id => Some(Trap::$variant),)*
                    _ => None,
                }
            }

            /// The name used in interfaces: `"CALL_STACK_EXHAUSTED"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Trap::$variant => $name,)*
                }
            }

            /// The text shown to people.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Trap::$variant => $text,)*
                }
            }
        }
    };
}

traps! {
    /// Stopped on request; can continue.
    Suspended = 2, "SUSPENDED", "suspended";
    /// The `unreachable` instruction.
    Unreachable = 3, "UNREACHABLE", "unreachable instruction executed";
    /// The stack limit was reached.
    CallStackExhausted = 4, "CALL_STACK_EXHAUSTED", "call stack exhausted";
    /// A load, store or bulk operation, or a call's pointer argument, outside of linear memory.
    MemoryAccessOutOfBounds = 5, "MEMORY_ACCESS_OUT_OF_BOUNDS", "memory access out of bounds";
    /// `call_indirect`, or another table instruction, beyond the table's end.
    IndirectCallIndexOutOfBounds = 6, "INDIRECT_CALL_INDEX_OUT_OF_BOUNDS", "table index out of bounds";
    /// `call_indirect` of a function with another type, or of none.
    IndirectCallSignatureMismatch = 7, "INDIRECT_CALL_SIGNATURE_MISMATCH", "indirect call signature mismatch";
    /// Integer division or remainder by zero.
    IntegerDivideByZero = 8, "INTEGER_DIVIDE_BY_ZERO", "integer divide by zero";
    /// Signed division overflow, or a conversion of a float that no integer can hold.
    IntegerOverflow = 9, "INTEGER_OVERFLOW", "integer overflow";
    /// A breakpoint; can continue.
    Breakpoint = 10, "BREAKPOINT", "breakpoint";
    /// A call that this host cannot answer; can be tried again elsewhere.
    AbiDeficiency = 27, "ABI_DEFICIENCY", "call not supported by this host";
    /// The program broke the packet protocol.
    AbiViolation = 28, "ABI_VIOLATION", "ABI violation";
    /// The host failed.
    InternalError = 29, "INTERNAL_ERROR", "internal error";
    /// Killed on request.
    Killed = 30, "KILLED", "killed";
    /// An exception that no handler caught.
    UncaughtException = 64, "UNCAUGHT_EXCEPTION", "uncaught exception";
    /// A null reference where there must be none.
    NullReference = 65, "NULL_REFERENCE", "null reference";
    /// The host had no memory left for what the program asked of it.
    OutOfMemory = 66, "OUT_OF_MEMORY", "out of memory";
}

#[cfg(test)]
mod tests {
    use super::Trap;

    #[test]
    fn ids_are_unique_and_reversible() {
        for trap in Trap::ALL {
            assert_eq!(Trap::from_id(trap.id()), Some(*trap));
        }
        assert_eq!(Trap::from_id(0), None);
        assert_eq!(Trap::from_id(255), None);
    }
}
