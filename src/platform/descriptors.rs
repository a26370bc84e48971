//! The limit of open files.

/// Makes room for `wanted` open descriptors. Ok with the old and the new limit if it had to be
/// raised; Err with a sentence if it could not be raised far enough.
#[cfg(unix)]
pub fn raise_descriptor_limit(wanted: u64) -> Result<Option<(u64, u64)>, String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let before = limit.current.unwrap_or(u64::MAX);
    if before >= wanted {
        return Ok(None);
    }
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit {
        current: Some(wanted.min(hard)),
        ..limit
    };
    // Where the hard limit is endless (macOS) the kernel has another one, and refuses more than that.
    let after = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted.min(hard),
        Err(_) => before,
    };
    if after >= wanted {
        return Ok(Some((before, after)));
    }
    Err(format!(
        "{wanted} open files are needed but the limit is {after} (hard limit {hard}): raise it with `ulimit -n {wanted}` before starting, or use fewer users"
    ))
}

/// Sockets are not limited here.
#[cfg(windows)]
pub fn raise_descriptor_limit(_wanted: u64) -> Result<Option<(u64, u64)>, String> {
    Ok(None)
}

/// The limit of open files now, and the most it can be raised to, where there is one.
#[cfg(unix)]
pub fn descriptor_limits() -> Option<(u64, u64)> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let or_endless = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    Some((or_endless(limit.current), or_endless(limit.maximum)))
}

/// Sockets are not limited here.
#[cfg(windows)]
pub fn descriptor_limits() -> Option<(u64, u64)> {
    None
}
