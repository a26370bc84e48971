//! How many threads processes have, where there is no `/proc` to tell.

/// The number of threads of each of these processes; None where the system does not report it.
#[cfg(target_os = "macos")]
#[expect(
    unsafe_code,
    reason = "no safe crate asks for this without a C compiler's headers"
)]
pub fn thread_counts(pids: &[u32]) -> Vec<Option<u32>> {
    let count = |pid: u32| {
        let pid = i32::try_from(pid).ok()?;
        let size = i32::try_from(size_of::<libc::proc_taskinfo>()).ok()?;
        let mut info = std::mem::MaybeUninit::<libc::proc_taskinfo>::zeroed();
        // SAFETY: the place is as long as `size` says, and only written to.
        let written = unsafe {
            let place = info.as_mut_ptr().cast();
            libc::proc_pidinfo(pid, libc::PROC_PIDTASKINFO, 0, place, size)
        };
        // SAFETY: zeroed at first, so each of its numbers has a value, whatever was written.
        let info = unsafe { info.assume_init() };
        (written == size).then(|| u32::try_from(info.pti_threadnum).ok())?
    };
    pids.iter().map(|pid| count(*pid)).collect()
}

/// The number of threads of each of these processes; None where the system does not report it.
#[cfg(windows)]
#[expect(
    unsafe_code,
    reason = "the list of processes has no safe crate of its own"
)]
pub fn thread_counts(pids: &[u32]) -> Vec<Option<u32>> {
    use windows_sys::Win32::Foundation::{CloseHandle, INVALID_HANDLE_VALUE};
    use windows_sys::Win32::System::Diagnostics::ToolHelp::{
        CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW,
        TH32CS_SNAPPROCESS,
    };
    let mut counts = vec![None; pids.len()];
    // SAFETY: plain numbers in, a handle out, which is closed below.
    let list = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if list == INVALID_HANDLE_VALUE {
        return counts;
    }
    let mut entry = PROCESSENTRY32W {
        dwSize: u32::try_from(size_of::<PROCESSENTRY32W>()).unwrap_or(0),
        ..PROCESSENTRY32W::default()
    };
    // SAFETY: the handle is open, and the entry knows its own size.
    let mut more = unsafe { Process32FirstW(list, &raw mut entry) };
    while more != 0 {
        for (pid, count) in pids.iter().zip(&mut counts) {
            if *pid == entry.th32ProcessID {
                *count = Some(entry.cntThreads);
            }
        }
        // SAFETY: as above.
        more = unsafe { Process32NextW(list, &raw mut entry) };
    }
    // SAFETY: the handle is open, and not used again.
    unsafe { CloseHandle(list) };
    counts
}

/// Elsewhere `/proc` says so, or nothing does.
#[cfg(not(any(target_os = "macos", windows)))]
pub fn thread_counts(pids: &[u32]) -> Vec<Option<u32>> {
    vec![None; pids.len()]
}
