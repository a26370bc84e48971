//! Where a server is: `OLLAMA_HOST` and `--url` in all the forms in which people write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use reqwest::Url;

use crate::platform;

/// Ollama's port.
const DEFAULT_PORT: u16 = 11434;

/// What the dialects add to a base address; people copy it along with the address.
const ENDPOINTS: &[&str] = &[
    "/v1/chat/completions",
    "/completion",
    "/v1/completions",
    "/v1/messages",
    "/v1/models",
    "/v1",
    "/api/generate",
    "/api/chat",
    "/api/tags",
    "/api/version",
    "/api/ps",
    "/api/v0/models",
    "/api/v0",
    "/api",
];

/// An address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It cannot be read.
    #[error("`{text}` is not the address of a server: {why} (try http://127.0.0.1:11434)")]
    Unreadable {
        /// What was given, without what may be secret.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is of another protocol.
    #[error("`{0}`: not http, https or unix")]
    NotHttp(String),
    /// It carries a user name or a password, which would end up in every file of a run.
    #[error(
        "the address of {host} contains a user name or a password, which it may not: name them with --basic-auth-env or --basic-auth-file"
    )]
    Secret {
        /// Of which host.
        host: String,
    },
}

/// What an address has after its `?`: sent with every request and shown nowhere, since it may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Query(String);

impl Query {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Reads an address: a port, a host, `host:port`, an address, a URL, with or without the path of an endpoint, or
/// `unix:/path`. Empty means this machine, and so does `0.0.0.0`, on which a server listens but which nobody can
/// call. Gives the base address, without a trailing slash and without what the dialect adds, and its query. Only
/// what was written is ever contacted: a number is a port, never a host in disguise.
pub fn from_text(text: &str) -> Result<(String, Option<Query>), AddressError> {
    let text = text.trim().trim_matches(['"', '\'']).trim();
    let reader = Reader { text };
    reader.check_characters()?;
    if let Some(path) = text.strip_prefix(UNIX) {
        return Ok((reader.socket_file(path)?, None));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if let Some((_, host)) = authority.rsplit_once('@') {
        let host = host.to_owned();
        return Err(AddressError::Secret { host });
    }
    let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
        "" => ("http", DEFAULT_PORT),
        "http" => ("http", 80),
        "https" => ("https", 443),
        _ => return Err(AddressError::NotHttp(shown(text))),
    };
    let (host, port) = reader.host_and_port(authority, !text.contains("://"))?;
    let port = port.unwrap_or(default_port);
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = (!query.is_empty()).then(|| Query(query.to_owned()));
    Ok((reader.base_url(scheme, host, port, path)?, query))
}

/// What the address of a socket in the file system begins with.
const UNIX: &str = "unix:";

/// The file of the socket that is meant by `url`, if it is one.
pub fn socket_file(url: &str) -> Option<PathBuf> {
    url.strip_prefix(UNIX).map(PathBuf::from)
}

/// What requests to the server at `url` begin with: the address itself; a socket's file says nothing of a host.
pub(crate) fn request_base(url: &str) -> &str {
    if url.starts_with(UNIX) {
        "http://localhost"
    } else {
        url
    }
}

/// A text that is read as an address; it names it where it cannot be.
struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn error(&self, why: impl Into<String>) -> AddressError {
        AddressError::Unreadable {
            text: shown(self.text),
            why: why.into(),
        }
    }

    /// What a URL parser would drop in silence or read as something else.
    fn check_characters(&self) -> Result<(), AddressError> {
        let odd = |letter: &char| letter.is_whitespace() || letter.is_control() || *letter == '\\';
        if let Some(odd) = self.text.chars().find(odd) {
            return Err(self.error(format!("it contains {odd:?}")));
        }
        if self.text.contains('：') {
            return Err(self.error("its colon is full-width (：); write `:`"));
        }
        let start = self.text.to_ascii_lowercase();
        let broken = ["http:/", "http//", "https:/", "https//"];
        if !start.contains("://") && broken.iter().any(|broken| start.starts_with(broken)) {
            return Err(self.error("write `http://` before the host"));
        }
        Ok(())
    }

    /// The address of a socket in the file system, of which `path` is the file.
    fn socket_file(&self, path: &str) -> Result<String, AddressError> {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !platform::socket_file::ARE_KNOWN {
            return Err(self.error("this system has no such sockets; use the server's http port"));
        }
        if !Path::new(path).is_absolute() {
            return Err(self.error("write the whole path of the socket: unix:/run/server.sock"));
        }
        Ok(format!("{UNIX}{path}"))
    }

    /// The parts of `host`, `host:port`, `:port`, `[::1]:port`, `::1`, and, where no scheme says that a host must
    /// follow, of `port`.
    fn host_and_port(
        &self,
        authority: &'a str,
        may_be_port: bool,
    ) -> Result<(&'a str, Option<u16>), AddressError> {
        if authority.contains(',') {
            return Err(self.error("it is more than one address; give one"));
        }
        if authority.parse::<Ipv6Addr>().is_ok() {
            return Ok((authority, None));
        }
        if is_number(authority) {
            if may_be_port {
                return Ok(("127.0.0.1", Some(self.port(authority)?)));
            }
            return Err(self.error(format!(
                "{authority} is not a host; for a port of this machine write {authority} or \
                 http://127.0.0.1:{authority}"
            )));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(self.port(port)?)),
            _ => (authority, None),
        };
        if is_number(host) {
            return Err(self.error(format!("{host} is not a host")));
        }
        let host = match host {
            "" | "*" | "0.0.0.0" => "127.0.0.1",
            "[::]" => "[::1]",
            host => host,
        };
        Ok((host, port))
    }

    fn port(&self, text: &str) -> Result<u16, AddressError> {
        if text.is_empty() {
            return Err(self.error("nothing follows its colon; write the port"));
        }
        match text.parse() {
            Ok(port) if port > 0 && is_number(text) => Ok(port),
            _ => Err(self.error(format!("{text} is not a port (1 to 65535)"))),
        }
    }

    /// The base address.
    fn base_url(
        &self,
        scheme: &str,
        host: &str,
        port: u16,
        path: &str,
    ) -> Result<String, AddressError> {
        let host = match host.parse::<Ipv6Addr>() {
            Ok(ip) if ip.is_unspecified() => "[::1]".to_owned(),
            Ok(_) => format!("[{host}]"),
            Err(_) => host.to_owned(),
        };
        let path = path.trim_end_matches('/');
        let base = ENDPOINTS
            .iter()
            .find_map(|endpoint| path.strip_suffix(endpoint))
            .unwrap_or(path)
            .trim_end_matches('/');
        let url = Url::parse(&format!("{scheme}://{host}:{port}{base}"))
            .map_err(|error| self.error(error.to_string()))?;
        let read = url.host_str().unwrap_or_default();
        // `10.1` and `0x7f.1` are old ways to write an address, which a URL parser still takes.
        let disguised = read.parse::<IpAddr>().is_ok() && read != host;
        if read.is_empty() || disguised {
            return Err(self.error(format!("{host} is not a host")));
        }
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `text` for a message: without a user name, a password, or a query.
fn shown(text: &str) -> String {
    let (before, query) = match text.split_once('?') {
        Some((before, _)) => (before, "?…"),
        None => (text, ""),
    };
    let (scheme, rest) = match before.find("://") {
        Some(at) => before.split_at(at + 3),
        None => ("", before),
    };
    let public = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}{public}{query}")
}

/// The addresses of `localhost`, in the order in which they are tried. A server may listen on one of them only, and a
/// machine may know its name for the other only.
pub fn of_localhost(port: u16) -> [SocketAddr; 2] {
    [
        (Ipv4Addr::LOCALHOST, port).into(),
        (Ipv6Addr::LOCALHOST, port).into(),
    ]
}

/// Where a redirect leads: `location`, as the answer to a request of `url` gave it, if it is on the same server.
pub fn redirected(url: &Url, location: &str) -> Option<Url> {
    let to = url.join(location).ok()?;
    let same = to.origin() == url.origin() && to.username().is_empty() && to.password().is_none();
    same.then_some(to)
}

/// Whether an address is of this machine or of a private network: requests there cost nothing.
pub fn is_near(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return true;
    };
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => {
            let private = [".local", ".lan", ".internal", ".localhost"];
            !bare.contains('.') || private.iter().any(|end| bare.ends_with(end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("", "http://127.0.0.1:11434")]
    #[case("8080", "http://127.0.0.1:8080")]
    #[case(":5000", "http://127.0.0.1:5000")]
    #[case("*:5000", "http://127.0.0.1:5000")]
    #[case("8080/v1", "http://127.0.0.1:8080")]
    #[case("  \"box\" ", "http://box:11434")]
    #[case("box.lan:1234", "http://box.lan:1234")]
    #[case("my_box:1234", "http://my_box:1234")]
    #[case("localhost", "http://localhost:11434")]
    #[case("0.0.0.0", "http://127.0.0.1:11434")]
    #[case("0.0.0.0:8080", "http://127.0.0.1:8080")]
    #[case("http://0.0.0.0:8080/", "http://127.0.0.1:8080")]
    #[case("[::]:8080", "http://[::1]:8080")]
    #[case("::", "http://[::1]:11434")]
    #[case("::1", "http://[::1]:11434")]
    #[case("[::1]", "http://[::1]:11434")]
    #[case("192.168.1.4", "http://192.168.1.4:11434")]
    #[case("http://box", "http://box")]
    #[case("http://:8080", "http://127.0.0.1:8080")]
    #[case("HTTP://Box:8080", "http://box:8080")]
    #[case("http://box:11434/", "http://box:11434")]
    #[case("http://box:8080/ollama/", "http://box:8080/ollama")]
    #[case("http://box:8080/#/chat", "http://box:8080")]
    #[case("https://box", "https://box")]
    #[case("HTTPS://box:443/v1", "https://box")]
    #[case("https://box:8443/llm/v1/", "https://box:8443/llm")]
    fn every_form_of_an_address(#[case] text: &str, #[case] url: &str) {
        assert_eq!(base(text), url);
        // What it gives is an address itself.
        assert_eq!(base(url), url);
    }

    fn base(text: &str) -> String {
        from_text(text).unwrap().0
    }

    #[test]
    fn a_file_is_an_address_too() {
        for text in ["unix:/run/llm.sock", "unix:///run/llm.sock"] {
            let url = from_text(text).ok().map(|(url, _)| url);
            let expected = platform::socket_file::ARE_KNOWN.then_some("unix:/run/llm.sock");
            assert_eq!(url.as_deref(), expected);
        }
        let url = "unix:/run/llm.sock";
        assert_eq!(socket_file(url), Some(PathBuf::from("/run/llm.sock")));
        assert!(is_near(url));
        assert_eq!(request_base(url), "http://localhost");
        assert_eq!(socket_file("http://box"), None);
    }

    #[rstest]
    #[case("http://box:8000/v1?key=secret", "http://box:8000", Some("key=secret"))]
    #[case("box:1/v1/models?a=1&b=2#c?d", "http://box:1", Some("a=1&b=2"))]
    #[case("box?key=secret", "http://box:11434", Some("key=secret"))]
    #[case("https://box?", "https://box", None)]
    fn a_query_is_kept_apart_and_shows_nowhere(
        #[case] text: &str,
        #[case] url: &str,
        #[case] query: Option<&str>,
    ) {
        let read = from_text(text).unwrap();
        assert_eq!(read.0, url);
        assert_eq!(read.1.as_ref().map(Query::as_str), query);
        assert!(!format!("{read:?}").contains("secret"));
    }

    #[test]
    fn an_address_loses_what_the_dialect_adds() {
        for endpoint in ENDPOINTS {
            for slash in ["", "/"] {
                let at = |before: &str| base(&format!("{before}{endpoint}{slash}"));
                assert_eq!(at("localhost:8000"), "http://localhost:8000");
                assert_eq!(at("http://box/openai"), "http://box/openai");
            }
        }
        assert_eq!(base("box:1/apiary"), "http://box:1/apiary");
    }

    #[rstest]
    #[case("tcp://box:1", "`tcp://box:1`: not http, https or unix")]
    #[case("http://me:secret@box", "of box contains a user name")]
    #[case("https://me:secret@box:port", "of box:port contains a user name")]
    #[case("me@box:8000", "of box:8000 contains a user name")]
    #[case("box:port?key=secret", "`box:port?…` is not the address of a server")]
    #[case(
        "box:port",
        "`box:port` is not the address of a server: port is not a port"
    )]
    #[case("box:99999", "99999 is not a port")]
    #[case("box:+80", "+80 is not a port")]
    #[case("0", "0 is not a port")]
    #[case("80800", "80800 is not a port")]
    #[case("127.0.0.1:", "nothing follows its colon")]
    #[case("http://8080", "for a port of this machine write 8080")]
    #[case("8080:9090", "8080 is not a host")]
    #[case("127.1:9090", "127.1 is not a host")]
    #[case("0x7f.0.0.1", "0x7f.0.0.1 is not a host")]
    #[case("http://[::1", "is not the address of a server")]
    #[case("127.0.0.1:80 # my box", "it contains ' '")]
    #[case("my\tbox", "it contains '\\t'")]
    #[case("box：8080", "its colon is full-width")]
    #[case("box:1,box:2", "more than one address")]
    #[case("http:/box", "write `http://` before the host")]
    #[case("http//box", "write `http://` before the host")]
    #[case("unix:ollama.sock", if platform::socket_file::ARE_KNOWN { "whole path" } else { "no such sockets" })]
    fn what_cannot_be_used_says_why(#[case] text: &str, #[case] why: &str) {
        let error = from_text(text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    proptest! {
        /// Whatever is written, only its own host is contacted, or this machine where none is written.
        #[test]
        fn nothing_but_what_was_written_is_contacted(text in "(https?://)?[a-z0-9.:\\[\\]*@?/ -]{0,24}") {
            if let Ok((url, _)) = from_text(&text) {
                let url = Url::parse(&url).unwrap();
                let host = url.host_str().unwrap();
                let local = ["127.0.0.1", "[::1]"].contains(&host);
                let bare = host.trim_matches(['[', ']']);
                let ip = bare.parse::<Ipv6Addr>().is_ok();
                prop_assert!(local || ip || text.contains(host), "{text:?} became {url}");
                prop_assert!(url.query().is_none() && url.username().is_empty());
            }
        }
    }

    #[rstest]
    #[case("/v1/chat/completions/", Some("http://box:1/v1/chat/completions/"))]
    #[case("http://box:1/other", Some("http://box:1/other"))]
    #[case("http://box:2/other", None)]
    #[case("https://box:1/other", None)]
    #[case("//elsewhere/other", None)]
    #[case("http://me@box:1/other", None)]
    fn a_redirect_stays_on_the_same_server(#[case] location: &str, #[case] to: Option<&str>) {
        let url = Url::parse("http://box:1/v1/chat/completions").unwrap();
        let followed = redirected(&url, location);
        assert_eq!(followed.as_ref().map(Url::as_str), to);
    }

    #[test]
    fn what_is_near_is_here_or_on_a_private_network() {
        for near in [
            "http://127.0.0.1:11434",
            "http://localhost:8080/v1",
            "http://[::1]:1",
            "http://192.168.1.4:8000",
            "http://10.0.0.1",
            "http://gpu-box:8000",
            "http://mac.local:11434",
            "http://[fd00::1]:1",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in [
            "https://api.example.com/v1",
            "http://8.8.8.8:80",
            "http://[2001:db8::1]",
        ] {
            assert!(!is_near(far), "{far}");
        }
    }
}
