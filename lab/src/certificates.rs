//! Which certificates do the servers show?

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use crate::error::Result;
use crate::files;

/// The certificate that a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certificate {
    /// Of the laboratory's CA, valid for `localhost`, `127.0.0.1`, `127.0.0.2` and `::1`.
    #[default]
    Valid,
    /// As `Valid`, but its time ended in 2021.
    Expired,
    /// Of the laboratory's CA, in its time, but only for `elsewhere.invalid`.
    WrongName,
    /// For the right names, but signed by nobody but itself.
    SelfSigned,
}

/// A certification authority that only this laboratory knows.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) file: PathBuf,
}

impl Authority {
    /// Makes a new authority and writes its certificate (PEM) to `file`.
    pub(crate) fn create(file: &Path) -> Result<Authority> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Limosa lab CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2099, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        files::write(file, certificate.pem())?;
        Ok(Authority { issuer: Issuer::new(params, key), file: file.to_owned() })
    }

    /// Makes a server's certificate and key; answers with both as PEM, the certificate first.
    pub(crate) fn issue(&self, certificate: Certificate) -> Result<(String, String)> {
        let names: &[&str] = match certificate {
            Certificate::WrongName => &["elsewhere.invalid"],
            _ => &["localhost", "127.0.0.1", "127.0.0.2", "::1"],
        };
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, names[0]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = match certificate {
            Certificate::Expired => date_time_ymd(2021, 1, 1),
            _ => date_time_ymd(2098, 1, 1),
        };
        let key = KeyPair::generate()?;
        let signed = match certificate {
            Certificate::SelfSigned => params.self_signed(&key)?,
            _ => params.signed_by(&key, &self.issuer)?,
        };
        Ok((signed.pem(), key.serialize_pem()))
    }
}
