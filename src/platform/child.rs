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
        use rustix::process::{Pid, Signal};
        if let Some(leader) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended already, with all of its group.
            let _ = rustix::process::kill_process_group(leader, Signal::KILL);
        }
    }
    // An error means that it has ended, or may not be killed: there is no third way.
    let _ = child.kill();
}
