//! A server that does not say that it is simulated.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use tokometer::sim::{Profile, SimConfig, Simulator};

/// A fast simulated server behind a door that gives it another name.
pub(crate) struct Ordinary {
    pub(crate) url: String,
    _simulator: Simulator,
}

impl Ordinary {
    pub(crate) fn start() -> Self {
        let config = SimConfig {
            profile: Profile::named("fast").unwrap(),
            ..SimConfig::default()
        };
        let simulator = Simulator::start(config, 0).unwrap();
        let inner = simulator.url().replace("http://", "");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for outer in listener.incoming().map_while(Result::ok) {
                let Ok(inner) = TcpStream::connect(&inner) else {
                    return;
                };
                let (out, back) = (outer.try_clone().unwrap(), inner.try_clone().unwrap());
                thread::spawn(move || hand_on(outer, inner));
                thread::spawn(move || hand_on(back, out));
            }
        });
        Self {
            url,
            _simulator: simulator,
        }
    }
}

/// Hands bytes on, with another name of the server.
fn hand_on(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let name = b"tokometer-simulator";
        let found = buffer[..length].windows(name.len()).position(|w| w == name);
        if let Some(at) = found {
            buffer[at..at + name.len()].copy_from_slice(b"an-ordinary-server!");
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _closed = to.shutdown(Shutdown::Write);
}
