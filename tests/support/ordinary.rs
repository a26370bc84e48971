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
    let name = b"tokometer-simulator";
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut read = buffer.iter().copied().take(length).collect::<Vec<u8>>();
        let found = read.windows(name.len()).position(|window| window == name);
        let place = found.and_then(|at| read.get_mut(at..at + name.len()));
        if let Some(place) = place {
            place.copy_from_slice(b"an-ordinary-server!");
        }
        if to.write_all(&read).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
