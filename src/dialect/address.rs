//! Where a server is: `OLLAMA_HOST` in all its forms, and `--url`.

use std::net::IpAddr;

use reqwest::Url;

/// Ollama's port.
const DEFAULT_PORT: u16 = 11434;

/// An address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It cannot be read.
    #[error("`{text}` is not the address of a server: {why} (try http://127.0.0.1:11434)")]
    Unreadable {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// Its scheme cannot be timed.
    #[error(
        "`{0}`: only http can be timed at the socket; use the server's plain http address, or tunnel to it (ssh -L 11434:localhost:11434 HOST)"
    )]
    NotHttp(String),
    /// It carries a user name or a password, which would end up in every file of a run.
    #[error(
        "the address of {host} contains a user name or a password, which is never sent: remove it"
    )]
    Secret {
        /// Of which host.
        host: String,
    },
}

/// Reads `OLLAMA_HOST` as Ollama does: a bare host, `host:port`, an address, a URL; empty means this
/// machine, and so does `0.0.0.0`, on which a server listens but which nobody can call.
pub fn from_ollama_host(text: &str) -> Result<String, AddressError> {
    let text = text.trim().trim_matches(['"', '\'']).trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let port = match scheme {
        "" => DEFAULT_PORT,
        "https" => 443,
        _ => 80,
    };
    let authority = match authority {
        "" => format!("127.0.0.1:{port}"),
        bare if bare.parse::<std::net::Ipv6Addr>().is_ok() => format!("[{bare}]:{port}"),
        only_port if only_port.starts_with(':') => format!("127.0.0.1{only_port}"),
        bracketed if bracketed.ends_with(']') => format!("{bracketed}:{port}"),
        host if !host.contains(':') => format!("{host}:{port}"),
        host_and_port => host_and_port.to_owned(),
    };
    let scheme = if scheme.is_empty() { "http" } else { scheme };
    base_url(&format!("{scheme}://{authority}/{path}"), text)
}

/// Reads `--url`: a URL, or the same short forms as `OLLAMA_HOST`. Gives it without a trailing slash
/// and without `/v1` or `/api`, which the dialect adds.
pub fn from_url(text: &str) -> Result<String, AddressError> {
    let base = from_ollama_host(text)?;
    let base = base
        .strip_suffix("/v1")
        .or_else(|| base.strip_suffix("/api"))
        .unwrap_or(&base);
    Ok(base.to_owned())
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

/// The address `whole`, which was made of what was `given`.
fn base_url(whole: &str, given: &str) -> Result<String, AddressError> {
    let unreadable = |why: String| AddressError::Unreadable {
        text: given.to_owned(),
        why,
    };
    let mut url = Url::parse(whole).map_err(|error| unreadable(error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        let host = url.host_str().unwrap_or_default().to_owned();
        return Err(AddressError::Secret { host });
    }
    if url.scheme() != "http" {
        return Err(AddressError::NotHttp(given.to_owned()));
    }
    let local = match url.host_str() {
        None => return Err(unreadable("it names no host".to_owned())),
        Some("0.0.0.0") => Some("127.0.0.1"),
        Some("[::]") => Some("[::1]"),
        Some(_) => None,
    };
    if let Some(local) = local {
        url.set_host(Some(local))
            .map_err(|error| unreadable(error.to_string()))?;
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("", "http://127.0.0.1:11434")]
    #[case("  \"box\" ", "http://box:11434")]
    #[case("box.lan:1234", "http://box.lan:1234")]
    #[case(":5000", "http://127.0.0.1:5000")]
    #[case("0.0.0.0", "http://127.0.0.1:11434")]
    #[case("0.0.0.0:8080", "http://127.0.0.1:8080")]
    #[case("[::]:8080", "http://[::1]:8080")]
    #[case("::1", "http://[::1]:11434")]
    #[case("[::1]", "http://[::1]:11434")]
    #[case("192.168.1.4", "http://192.168.1.4:11434")]
    #[case("http://box", "http://box")]
    #[case("http://box:11434/", "http://box:11434")]
    #[case("http://box:8080/ollama/", "http://box:8080/ollama")]
    fn every_form_of_ollama_host(#[case] text: &str, #[case] url: &str) {
        assert_eq!(from_ollama_host(text).unwrap(), url);
    }

    #[rstest]
    #[case("http://localhost:8000/v1", "http://localhost:8000")]
    #[case("http://localhost:8000/v1/", "http://localhost:8000")]
    #[case("localhost:8000/api", "http://localhost:8000")]
    fn a_url_loses_what_the_dialect_adds(#[case] text: &str, #[case] url: &str) {
        assert_eq!(from_url(text).unwrap(), url);
    }

    #[rstest]
    #[case("https://box", "`https://box`: only http can be timed")]
    #[case("http://me:secret@box", "of box contains a user name")]
    #[case("me@box:8000", "of box contains a user name")]
    #[case(
        "box:port",
        "`box:port` is not the address of a server: invalid port number"
    )]
    #[case("http://[::1", "is not the address of a server")]
    fn what_cannot_be_used_says_why(#[case] text: &str, #[case] why: &str) {
        let error = from_ollama_host(text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("secret"), "{error}");
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
