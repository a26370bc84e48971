//! Faults that tests switch on.

/// Names the fault that is switched on.
const SWITCH: &str = "TOKOMETER_FAULT";

/// Whether the fault `name` is switched on in the environment. Only debug builds have such faults.
pub fn fault(name: &str) -> bool {
    cfg!(debug_assertions) && std::env::var_os(SWITCH).is_some_and(|on| on == name)
}
