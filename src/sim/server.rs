//! The simulator's handle and its sockets: a thread of its own, loopback only.

use crate::sim::SimConfig;
use crate::sim::profile::ProfileError;
use crate::sim::routes::serve;
use crate::sim::shared_state::{SharedState, drive};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The profile is invalid.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The time scale is out of range.
    #[error("the time scale must be between 0.001 and 1000000, not {0}")]
    TimeScale(f64),
    /// The port is taken, or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no thread or no event loop.
    #[error("cannot start the simulator's thread: {0}")]
    Thread(io::Error),
}

/// A running simulated server. Dropping it stops it and cuts its connections.
#[derive(Debug)]
pub struct Simulator {
    addr: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a server on 127.0.0.1, on a thread and an event loop of its own. Port 0 takes any
    /// free one.
    pub fn start(config: SimConfig, port: u16) -> Result<Self, SimError> {
        config.profile.check()?;
        if !(0.001..=1e6).contains(&config.time_scale) {
            return Err(SimError::TimeScale(config.time_scale));
        }
        let stop = CancellationToken::new();
        let (sender, receiver) = mpsc::sync_channel(1);
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || run(config, port, &stopped, &sender))
            .map_err(SimError::Thread)?;
        let addr = receiver
            .recv()
            .map_err(|_| SimError::Thread(io::Error::other("it ended immediately")))??;
        Ok(Self {
            addr,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base address, for example `http://127.0.0.1:11500`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops it.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already reported by the hook.
            let _ = thread.join();
        }
    }
}

type Tell = mpsc::SyncSender<Result<SocketAddr, SimError>>;

fn run(config: SimConfig, port: u16, stop: &CancellationToken, sender: &Tell) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = sender.send(Err(SimError::Thread(error)));
            return;
        }
    };
    runtime.block_on(async {
        let listening = async {
            // Tokio listens with a backlog of 1024.
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let addr = listener.local_addr()?;
            Ok((listener, addr))
        };
        let listener = match listening.await {
            Ok((listener, addr)) => {
                let _ = sender.send(Ok(addr));
                listener
            }
            Err(source) => {
                let _ = sender.send(Err(SimError::Listen { port, source }));
                return;
            }
        };
        let server = Arc::new(SharedState::new(config));
        tokio::join!(
            drive(Arc::clone(&server), stop.clone()),
            accept(server, listener, stop),
        );
    });
}

async fn accept(server: Arc<SharedState>, listener: TcpListener, stop: &CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(Arc::clone(&server), stream));
                }
                // Out of descriptors, most likely: wait for some to come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
    connections.shutdown().await;
}

async fn serve_connection(server: Arc<SharedState>, stream: TcpStream) {
    // Without it small chunks would wait for each other; where it fails they do.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| serve(Arc::clone(&server), request));
    // A token's chunk is small: one copied buffer is cheaper to write than three pieces.
    let _ = http1::Builder::new()
        .title_case_headers(true)
        .writev(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
