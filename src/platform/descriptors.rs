//! The limit of open files.

/// Makes room for `wanted` open descriptors. Ok with the old and the new limit if it had to be
/// raised; Err with a sentence if it could not be raised far enough.
#[cfg(unix)]
pub fn raise_descriptor_limit(wanted: u64) -> Result<Option<(u64, u64)>, String> {
    let unknown = |error: std::io::Error| format!("the limit of open files is unknown: {error}");
    let (before, hard) = rlimit::getrlimit(rlimit::Resource::NOFILE).map_err(unknown)?;
    if before >= wanted {
        return Ok(None);
    }
    let after = rlimit::increase_nofile_limit(wanted).map_err(|error| error.to_string())?;
    if after >= wanted {
        return Ok(Some((before, after)));
    }
    Err(format!(
        "{wanted} open files are needed but the limit is {after} (hard limit {hard}): raise it \
         with `ulimit -n {wanted}` before the start, or use fewer users"
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
    rlimit::getrlimit(rlimit::Resource::NOFILE).ok()
}

/// Sockets are not limited here.
#[cfg(windows)]
pub fn descriptor_limits() -> Option<(u64, u64)> {
    None
}
