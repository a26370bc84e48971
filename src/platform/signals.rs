//! The signals that end a program.

use std::io;

/// Listens from now on for signals that ask the program to end; the future gives the number of the
/// first one. Inside a runtime. Whoever takes the terminal listens first, or a signal that comes
/// between leaves it as it is.
#[cfg(unix)]
pub fn shutdown_signal() -> impl Future<Output = io::Result<i32>> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::quit(),
    ];
    let listening: io::Result<Vec<(SignalKind, Signal)>> = kinds
        .into_iter()
        .map(|kind| Ok((kind, signal(kind)?)))
        .collect();
    async move {
        let mut listening = listening?;
        let came = std::future::poll_fn(|cx| {
            let mut signals = listening.iter_mut();
            let came =
                signals.find_map(|(kind, signal)| signal.poll_recv(cx).is_ready().then_some(*kind));
            came.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        });
        Ok(came.await.as_raw_value())
    }
}

/// Listens from now on for what asks the program to end; the future gives the number that Unix has
/// for it. Inside a runtime.
#[cfg(windows)]
pub fn shutdown_signal() -> impl Future<Output = io::Result<i32>> {
    use tokio::signal::windows;
    let listening = windows::ctrl_c()
        .and_then(|c| Ok((c, windows::ctrl_break()?)))
        .and_then(|(c, r#break)| Ok((c, r#break, windows::ctrl_close()?)));
    async move {
        let (mut c, mut r#break, mut close) = listening?;
        Ok(tokio::select! {
            _ = c.recv() => 2,
            _ = r#break.recv() => 2,
            _ = close.recv() => 15,
        })
    }
}
