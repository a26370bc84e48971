//! Room for the connections of all users among the open files of this process.

use crate::event::{EventKind, Warning, WarningKind};
use crate::load::timeline::Reporter;

/// Descriptors beside those of the users: files, the runtime, the terminal, the simulated server.
const OTHER_DESCRIPTORS: u64 = 64;

pub(crate) fn warn(reporter: &Reporter, kind: WarningKind, text: String) {
    reporter.fact(EventKind::Warning(Warning::new(kind, text)));
}

/// Raises the limit of open files where so many users need it. A server in this process needs as
/// many again.
pub(crate) fn make_room(users: u32, serves_itself: bool, reporter: &Reporter) {
    let sides = if serves_itself { 2 } else { 1 };
    match crate::platform::raise_descriptor_limit(u64::from(users) * sides + OTHER_DESCRIPTORS) {
        Ok(None) => {}
        Ok(Some((before, after))) => {
            let text = format!("raised the open file limit from {before} to {after}");
            warn(reporter, WarningKind::Descriptors, text);
        }
        Err(why) => warn(reporter, WarningKind::Descriptors, why),
    }
}
