//! Pseudo-terminals of which no other test's child ever gets hold.
//!
//! The terminal of a program hangs up when the last one closes its other side. So that side may be open in no
//! other process: it is opened with close-on-exec from its first instant on, as children of other tests are
//! started all the time.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

/// A pseudo-terminal.
pub(crate) struct Pty {
    /// The side of the one who looks and types.
    pub(crate) user: File,
    /// The side of the program.
    pub(crate) program: File,
}

impl Pty {
    pub(crate) fn open(columns: u16, rows: u16) -> Self {
        let user = openpt(flags()).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let name = ptsname(&user, Vec::new()).unwrap();
        let name = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let no_tty = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
        let mut options = OpenOptions::new();
        let program = options.read(true).write(true).custom_flags(no_tty);
        let program = program.open(name).unwrap();
        resize(&user, columns, rows);
        Self {
            user: user.into(),
            program,
        }
    }

    /// Starts a program that this terminal controls.
    #[expect(
        unsafe_code,
        reason = "between fork and exec two system calls are made"
    )]
    pub(crate) fn start(&self, mut command: Command) -> Child {
        let side = || self.program.try_clone().unwrap();
        command.stdin(side()).stdout(side()).stderr(side());
        // SAFETY: setsid and ioctl may be called there; 0 is the program's side, which is open.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                ioctl_tiocsctty(BorrowedFd::borrow_raw(0)).map_err(io::Error::from)
            });
        }
        command.spawn().unwrap()
    }
}

#[cfg(target_os = "linux")]
fn flags() -> OpenptFlags {
    OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC
}

/// Elsewhere the flag cannot be set at once.
#[cfg(not(target_os = "linux"))]
fn flags() -> OpenptFlags {
    OpenptFlags::RDWR | OpenptFlags::NOCTTY
}

/// The settings of a terminal: cooked or raw, echo, and so on.
pub(crate) fn settings(user: &File) -> String {
    let now = tcgetattr(user).unwrap();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}",
        now.input_modes, now.output_modes, now.control_modes, now.local_modes
    )
}

/// Makes a terminal another size.
pub(crate) fn resize(user: impl AsFd, columns: u16, rows: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(user, size).unwrap();
}
