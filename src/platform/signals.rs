//! The signals that end a program.

/// Waits for a signal that asks the program to end; gives its number.
#[cfg(unix)]
pub async fn shutdown_signal() -> std::io::Result<i32> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut quit = signal(SignalKind::quit())?;
    let kind = tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
        _ = hangup.recv() => SignalKind::hangup(),
        _ = quit.recv() => SignalKind::quit(),
    };
    Ok(kind.as_raw_value())
}

/// Waits for a signal that asks the program to end; gives the number that Unix has for it.
#[cfg(windows)]
pub async fn shutdown_signal() -> std::io::Result<i32> {
    use tokio::signal::windows;
    let mut interrupt = windows::ctrl_c()?;
    let mut r#break = windows::ctrl_break()?;
    let mut close = windows::ctrl_close()?;
    Ok(tokio::select! {
        _ = interrupt.recv() => 2,
        _ = r#break.recv() => 2,
        _ = close.recv() => 15,
    })
}
