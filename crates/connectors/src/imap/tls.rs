//! Which TLS is spoken, which certificate is believed, and what its refusal is called.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use limosa_model::{ConnectorError, ErrorKind, Retry, Scope};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::error::Place;
use super::settings::{Fingerprint, Security, Trust};

/// TLS for all connections of one connector, which so share resumption tickets.
#[derive(Clone)]
pub(crate) struct TlsSetup {
    pub(crate) config: Arc<ClientConfig>,
    seen: Arc<Seen>,
}

/// The fingerprint of the certificate that was shown last, so that a refusal can name it.
#[derive(Debug, Default)]
struct Seen(Mutex<Option<Fingerprint>>);

impl TlsSetup {
    /// Reads what is trusted.
    pub(crate) fn new(trust: &Trust, place: &Place) -> Result<Self, ConnectorError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let seen = Arc::new(Seen::default());
        let verifier =
            Verifier { belief: belief(trust, &provider, place)?, provider: provider.clone(), seen: seen.clone() };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| setup_error(place, "TLS cannot be set up").because(error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), seen })
    }

    /// What a failed handshake is called, and what can be done.
    pub(crate) fn handshake_error(&self, error: io::Error, security: Security, place: &Place) -> ConnectorError {
        let server = place.server();
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
        let shown = *self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fingerprint = shown.map(|shown| format!(" (its SHA-256 fingerprint is {shown})")).unwrap_or_default();
        let pin = format!(
            "pin this very certificate{fingerprint} only if the server's owner confirms this fingerprint by another way"
        );
        let refuse = |what: String| ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::Tls, what);
        let error_with_hint = match cause {
            Some(rustls::Error::InvalidCertificate(reason)) => match reason {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    refuse(format!("the certificate of {server} has expired")).hint(format!("have it renewed; {pin}"))
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    refuse(format!("the certificate of {server} is for another name"))
                        .hint(format!("use the name in the certificate as host; {pin}"))
                }
                CertificateError::UnknownIssuer => {
                    refuse(format!("the certificate of {server} comes from an unknown issuer"))
                        .hint(format!("name the issuer's CA file; {pin}"))
                }
                CertificateError::ApplicationVerificationFailure => {
                    refuse(format!("{server} shows another certificate than the one that is pinned{fingerprint}"))
                        .hint("pin the new one only if the server's owner confirms this fingerprint by another way")
                }
                _ => refuse(format!("the certificate of {server} is not valid")),
            },
            Some(rustls::Error::InvalidMessage(_)) => {
                let hint = match security {
                    Security::Tls => {
                        "this port seems to begin without TLS: try STARTTLS (imap://), usually on port 143"
                    }
                    _ => "try TLS from the start (imaps://), usually on port 993",
                };
                refuse(format!("{server} does not answer with TLS")).hint(hint)
            }
            Some(rustls::Error::AlertReceived(alert)) => {
                refuse(format!("{server} ended the TLS handshake ({alert:?})"))
                    .hint("the server may know old TLS only: at least TLS 1.2 with ECDHE is needed")
            }
            Some(_) => refuse(format!("TLS with {server} failed")),
            // The connection ended in the handshake, which has no certificate to blame.
            None => ConnectorError::new(
                Scope::Connection,
                Retry::Now,
                ErrorKind::ConnectionLost,
                format!("{server} ended the connection during the TLS handshake"),
            ),
        };
        error_with_hint.because(error)
    }
}

fn setup_error(place: &Place, what: &str) -> ConnectorError {
    ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::Tls, format!("{what} for {}", place.server()))
}

fn belief(trust: &Trust, provider: &Arc<CryptoProvider>, place: &Place) -> Result<Belief, ConnectorError> {
    let chain: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Fingerprint(fingerprint) => return Ok(Belief::Fingerprint(*fingerprint)),
        Trust::Platform => Arc::new(rustls_platform_verifier::Verifier::new(provider.clone()).map_err(|error| {
            setup_error(place, "the platform's certificate store cannot be read")
                .because(error)
                .hint("install the package ca-certificates, or name a CA file")
        })?),
        Trust::CaFile(path) => {
            let unreadable = || {
                let text = format!("the CA file {} cannot be read", path.display());
                ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::LocalIo, text)
                    .hint("it must hold certificates in PEM form")
            };
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable().because(error))? {
                let certificate = certificate.map_err(|error| unreadable().because(error))?;
                roots.add(certificate).map_err(|error| unreadable().because(error))?;
            }
            if roots.is_empty() {
                return Err(unreadable());
            }
            rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| unreadable().because(error))?
        }
    };
    Ok(Belief::Chain(chain))
}

#[derive(Debug)]
enum Belief {
    Chain(Arc<dyn ServerCertVerifier>),
    Fingerprint(Fingerprint),
}

/// Believes what is trusted, and remembers what it was shown.
#[derive(Debug)]
struct Verifier {
    belief: Belief,
    provider: Arc<CryptoProvider>,
    seen: Arc<Seen>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let digest = ring::digest::digest(&ring::digest::SHA256, leaf);
        let shown = digest.as_ref().try_into().map(Fingerprint).ok();
        *self.seen.0.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        match &self.belief {
            Belief::Chain(chain) => chain.verify_server_cert(leaf, intermediates, name, ocsp, now),
            Belief::Fingerprint(pinned) if shown == Some(*pinned) => Ok(ServerCertVerified::assertion()),
            Belief::Fingerprint(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    // A pinned certificate proves nothing unless the server also proves that it has the key.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
