//! TLS: whom tokometer believes that it is the server it was told to ask.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// The names of HTTP's versions in a handshake.
const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// Who may vouch for a server.
#[derive(Clone, Default, PartialEq)]
pub enum Trust {
    /// Those whom the system trusts.
    #[default]
    System,
    /// These too.
    Also(Vec<CertificateDer<'static>>),
    /// Anyone: what it says of itself is not checked.
    Anyone,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("System"),
            Self::Also(roots) => write!(f, "Also({})", roots.len()),
            Self::Anyone => f.write_str("Anyone"),
        }
    }
}

impl Trust {
    /// The certificates of a PEM file, beside those of the system.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let read = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
        let roots = read
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        if roots.is_empty() {
            return Err("it contains no certificate in the PEM format".to_owned());
        }
        Ok(Self::Also(roots))
    }

    /// The settings of connections to such servers.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        static OF_THE_SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        if let (Self::System, Some(config)) = (self, OF_THE_SYSTEM.get()) {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self {
            Self::System => Arc::new(Verifier::new(Arc::clone(&provider))?),
            Self::Also(roots) => {
                let roots = roots.clone();
                let also = Verifier::new_with_extra_roots(roots.clone(), Arc::clone(&provider))?;
                Arc::new(SignedByItself { roots, also })
            }
            Self::Anyone => Arc::new(Unchecked(Arc::clone(&provider))),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        let config = Arc::new(config);
        Ok(match self {
            // The roots of the system are read once.
            Self::System => Arc::clone(OF_THE_SYSTEM.get_or_init(|| config)),
            _ => config,
        })
    }
}

/// The settings of a client that makes no such connection: it trusts nobody.
pub(crate) fn of_nobody() -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let nobody = RootCertStore::empty();
    Ok(builder.with_root_certificates(nobody).with_no_client_auth())
}

/// Whether both sides agreed on HTTP/2.
pub(crate) fn is_http_2(protocol: Option<&[u8]>) -> bool {
    protocol == Some(HTTP_2)
}

/// What to do about a handshake that failed, where a flag or another address may help.
pub(crate) fn advice(error: &Error) -> Option<&'static str> {
    match error {
        Error::InvalidCertificate(_) => Some(
            "--ca FILE names the authority that signed its certificate, --insecure accepts any",
        ),
        Error::InvalidMessage(_) => Some("if the server speaks plain http, write http://"),
        _ => None,
    }
}

/// Takes a server at its word if its certificate is one of those that the user named: most self-signed certificates
/// also claim to be an authority, which the rules forbid for a server.
#[derive(Debug)]
struct SignedByItself {
    roots: Vec<CertificateDer<'static>>,
    also: Verifier,
}

impl ServerCertVerifier for SignedByItself {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.roots.iter().any(|root| root == certificate) {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.also
            .verify_server_cert(certificate, between, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.also
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.also
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.also.supported_verify_schemes()
    }
}

/// Checks that the server has the key of its certificate, and nothing else.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_no_authority() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "not a certificate").unwrap();
        let why = Trust::from_file(&file).unwrap_err();
        assert!(why.contains("no certificate"), "{why}");
        assert!(Trust::from_file(&folder.path().join("none")).is_err());
    }

    #[test]
    fn all_kinds_of_trust_make_settings() {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, own.cert.pem()).unwrap();
        let also = Trust::from_file(&file).unwrap();
        assert_eq!(format!("{also:?}"), "Also(1)");
        for trust in [also, Trust::Anyone] {
            let config = trust.config().unwrap();
            assert_eq!(config.alpn_protocols, [HTTP_2, HTTP_1]);
        }
    }
}
