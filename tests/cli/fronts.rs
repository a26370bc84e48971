//! What stands between tokometer and a server: TLS with a certificate of its own, a proxy, a socket's file; and a
//! server of HTTP/2.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A certificate that no system knows, for `127.0.0.1`.
pub(crate) struct Certificate {
    config: ServerConfig,
    pem: String,
}

impl Certificate {
    pub(crate) fn new(protocols: &[&str]) -> Self {
        let names = ["127.0.0.1".to_owned()];
        // As `openssl req -x509` makes them: of an authority, which rustls takes for no server's.
        let mut parameters = rcgen::CertificateParams::new(names).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let signing_key = rcgen::KeyPair::generate().unwrap();
        let own = parameters.self_signed(&signing_key).unwrap();
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let chain = vec![own.der().clone()];
        let config = builder.with_no_client_auth();
        let mut config = config
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
            .unwrap();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Self {
            config,
            pem: own.pem(),
        }
    }

    /// Writes it where `--ca` can find it.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("ca.pem");
        std::fs::write(&file, &self.pem).unwrap();
        file
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.config.clone()))
    }
}

/// Runs `serve` on a thread and a runtime of its own, until the process ends.
fn in_the_background<F: Future<Output = ()>>(serve: impl FnOnce() -> F + Send + 'static) {
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(serve());
    });
}

/// A listener, and its port.
fn listener() -> (std::net::TcpListener, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Gives each connection to `serve`.
async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: std::net::TcpListener,
    serve: impl Fn(TcpStream) -> F,
) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        tokio::spawn(serve(stream));
    }
}

/// Passes all on to the server at `port`, until one side ends.
async fn pass_on(mut client: impl AsyncRead + AsyncWrite + Unpin, port: u16, first: &[u8]) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    server.set_nodelay(true).unwrap();
    server.write_all(first).await.unwrap();
    // It ends with an error where a client hangs up without a word.
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

/// TLS before the server at `port`; its own port.
pub(crate) fn tls(certificate: &Certificate, port: u16) -> u16 {
    let (listener, own) = listener();
    let acceptor = certificate.acceptor();
    in_the_background(move || {
        accept(listener, move |stream| {
            let acceptor = acceptor.clone();
            async move {
                // A client that does not trust it leaves.
                if let Ok(stream) = acceptor.accept(stream).await {
                    pass_on(stream, port, b"").await;
                }
            }
        })
    });
    own
}

/// A proxy; its port, and the first line of each connection to it.
pub(crate) fn proxy() -> (u16, Arc<Mutex<Vec<String>>>) {
    let (listener, own) = listener();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&asked);
    in_the_background(move || {
        accept(listener, move |stream| {
            let asked = Arc::clone(&asked);
            async move { through_proxy(stream, &asked).await.unwrap_or_default() }
        })
    });
    (own, kept)
}

async fn through_proxy(mut stream: TcpStream, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let first = text.lines().next().unwrap().to_owned();
    let port = first
        .split(['/', ' '])
        .find_map(|part| part.strip_prefix("127.0.0.1:"));
    let port = port.unwrap().parse().unwrap();
    let is_tunnel = first.starts_with("CONNECT ");
    asked.lock().unwrap().push(first);
    if is_tunnel {
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
        pass_on(stream, port, b"").await;
    } else {
        pass_on(stream, port, &head).await;
    }
    Ok(())
}

/// A socket's file before the server at `port`.
#[cfg(unix)]
pub(crate) fn file(path: &Path, port: u16) {
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    listener.set_nonblocking(true).unwrap();
    in_the_background(move || async move {
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass_on(stream, port, b""));
        }
    });
}

/// An OpenAI server of HTTP/2, over TLS where there is a certificate; its port, and the requests it was asked.
pub(crate) fn http2(certificate: Option<&Certificate>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let (listener, own) = listener();
    let acceptor = certificate.map(Certificate::acceptor);
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&asked);
    in_the_background(move || {
        accept(listener, move |stream| {
            let (acceptor, asked) = (acceptor.clone(), Arc::clone(&asked));
            async move {
                match acceptor {
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve_http2(stream, asked).await;
                        }
                    }
                    None => serve_http2(stream, asked).await,
                }
            }
        })
    });
    (own, kept)
}

async fn serve_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let line = format!(
            "{} {} {:?}",
            request.method(),
            request.uri(),
            request.version()
        );
        asked.lock().unwrap().push(line);
        async move { Ok::<_, Infallible>(answer(request.uri().path())) }
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // It ends as its client does.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

fn answer(path: &str) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    match path {
        "/v1/models" => {
            Response::new(Full::new(Bytes::from_static(br#"{"data":[{"id":"m"}]}"#)).boxed_unsync())
        }
        "/v1/chat/completions" => {
            let said = [
                "data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n",
                "data: {\"choices\":[{\"delta\":{\"content\":\" two\"},\"finish_reason\":\"stop\"}]}\n\n",
                "data: [DONE]\n\n",
            ];
            let frames = said.map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes()))));
            Response::new(StreamBody::new(stream::iter(frames)).boxed_unsync())
        }
        _ => {
            let mut missing = Response::new(Full::default().boxed_unsync());
            *missing.status_mut() = hyper::StatusCode::NOT_FOUND;
            missing
        }
    }
}
