//! Who goes first when the processors are all busy.

/// Lets the threads of the load go before the calling thread: what draws or writes must not delay a
/// stamp. Where a thread has no priority of its own nothing happens.
#[cfg(target_os = "linux")]
pub fn yield_to_the_load() {
    // On Linux the nice value belongs to the thread. Not allowed: then it stays as it is.
    let _ = rustix::process::setpriority_process(None, 10);
}

/// Elsewhere the nice value belongs to the whole process, load and all.
#[cfg(not(target_os = "linux"))]
pub fn yield_to_the_load() {}
