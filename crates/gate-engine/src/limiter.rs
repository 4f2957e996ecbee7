//! The ceilings of what a program can allocate in the engine.

/// Counts memories and tables together, however many a module has.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_limit: usize,
    memory: usize,
    uncounted: usize,
    table_elements_limit: usize,
    table_elements: usize,
}

impl Limiter {
    /// With `uncounted` bytes of memory that are there from the start, and none of the program's.
    pub(crate) fn new(memory_limit: usize, table_elements_limit: usize, uncounted: usize) -> Self {
        let memory_limit = memory_limit.saturating_add(uncounted);
        Self { memory_limit, memory: 0, uncounted, table_elements_limit, table_elements: 0 }
    }

    /// The size of all memories together, in bytes. They never shrink.
    pub(crate) fn memory(&self) -> usize {
        self.memory.saturating_sub(self.uncounted)
    }
}

impl wasmtime::ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        let allowed = total <= self.memory_limit;
        if allowed {
            self.memory = total;
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        let allowed = total <= self.table_elements_limit;
        if allowed {
            self.table_elements = total;
        }
        Ok(allowed)
    }
}
