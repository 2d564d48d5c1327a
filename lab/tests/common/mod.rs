//! What the laboratory's tests share: a TLS client, and looks at processes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

/// Shakes hands as for `localhost`, trusting only the CA in `ca_file`; the greeting, or what was wrong.
pub async fn tls_greeting(server: SocketAddr, ca_file: &Path) -> std::io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let tcp = TcpStream::connect(server).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let tls = connector.connect(name, tcp).await?;
    let mut greeting = String::new();
    BufReader::new(tls).read_line(&mut greeting).await?;
    Ok(greeting)
}

/// Whether a process lives (one that ended but was not waited for does not).
pub fn lives(process: i32) -> bool {
    Path::new(&format!("/proc/{process}/exe")).read_link().is_ok()
}
