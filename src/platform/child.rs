//! Child processes that end with all that they started.

use std::process::{Child, Command};

/// Puts the process that `command` will start into a group of its own, so that it can be ended
/// together with whatever it starts.
pub fn own_group(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    #[cfg(not(unix))]
    {
        let _ = command;
    }
}

/// Kills `child` and, where it was started with [`own_group`], the group it leads; to be called
/// before the child is forgotten. One that runs as another user cannot be killed; it ends when its
/// pipe closes.
pub fn kill_group(child: &mut Child) {
    #[cfg(unix)]
    {
        if let Ok(pid) = i32::try_from(child.id()) {
            #[expect(
                unsafe_code,
                reason = "kill(2) takes two numbers and touches no memory"
            )]
            unsafe {
                libc::kill(-pid, libc::SIGKILL);
            }
        }
    }
    // An error means that it has ended, or may not be killed: there is no third way.
    let _ = child.kill();
}
