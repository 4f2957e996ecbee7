//! Messages between the runtime and the processes inside a container.
