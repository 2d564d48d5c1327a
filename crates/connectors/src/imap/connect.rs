//! How a byte stream to the server is opened: addresses, TCP, TLS, compression; and what is counted on it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use limosa_model::{ConnectorError, ErrorKind, Meter, Retry, Scope};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::deflate::Deflate;
use super::error::Place;
use super::settings::{Security, Timeouts};
use super::tls::TlsSetup;

/// The next address is tried this long after the last one, if that has not answered yet (RFC 8305 §5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Opens a TCP connection to the first address of the host that answers.
pub(crate) async fn connect(place: &Place, timeouts: &Timeouts, meter: &Meter) -> Result<Stream, ConnectorError> {
    let limit = timeouts.connect;
    let opening = async {
        let addresses = addresses(place).await?;
        race(&addresses).await.map_err(|error| unreachable(place, "cannot be reached").because(error))
    };
    let tcp = tokio::time::timeout(limit, opening).await.map_err(|_| {
        let text = format!("{} has not answered within {} s", place.server(), limit.as_secs());
        ConnectorError::new(Scope::Endpoint, Retry::Now, ErrorKind::Unreachable, text)
            .hint("check host and port, and whether a firewall lets the connection through")
    })??;
    // Commands are gathered here and written at once; waiting for more would only add a round trip's time.
    tcp.set_nodelay(true).map_err(|error| place.lost("its options cannot be set").because(error))?;
    meter.connected();
    Ok(Stream::Plain(Metered { tcp, meter: meter.clone() }))
}

fn unreachable(place: &Place, what: &str) -> ConnectorError {
    ConnectorError::new(Scope::Endpoint, Retry::Now, ErrorKind::Unreachable, format!("{} {what}", place.server()))
        .hint("check host and port, and whether the server runs")
}

/// The host's addresses, IPv6 and IPv4 by turns, in the order that the resolver prefers.
async fn addresses(place: &Place) -> Result<Vec<SocketAddr>, ConnectorError> {
    let host = place.host.trim_start_matches('[').trim_end_matches(']');
    let unknown = || {
        let text = format!("the host \"{}\" is not known", place.host);
        // A resolver may be out of order for a moment.
        ConnectorError::new(Scope::Endpoint, Retry::Now, ErrorKind::Unreachable, text)
            .hint("check the spelling of the host's name, and that this machine can resolve names")
    };
    let found = tokio::net::lookup_host((host, place.port)).await.map_err(|error| unknown().because(error))?;
    let addresses = by_turns(found.collect());
    if addresses.is_empty() { Err(unknown()) } else { Ok(addresses) }
}

fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = Vec::with_capacity(first.len() + second.len());
    first.reverse();
    second.reverse();
    while !first.is_empty() || !second.is_empty() {
        mixed.extend(first.pop());
        mixed.extend(second.pop());
    }
    mixed
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut attempts = FuturesUnordered::new();
    let mut waiting = addresses.iter();
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(TcpStream::connect(*address));
        }
        let more = waiting.len() > 0;
        loop {
            let pause = tokio::time::sleep(NEXT_ADDRESS);
            tokio::select! {
                attempt = attempts.next() => match attempt {
                    Some(Ok(tcp)) => return Ok(tcp),
                    Some(Err(error)) => {
                        last_error = error;
                        if more {
                            break;
                        }
                    }
                    None => return Err(last_error),
                },
                () = pause, if more => break,
            }
        }
    }
}

/// Bytes to and from the server, in whichever layers were agreed on.
pub(crate) enum Stream {
    Plain(Metered),
    Tls(Box<TlsStream<Metered>>),
    /// Boxed for the compressor's tables, and because it holds another of its kind.
    Deflate(Box<Deflate<Stream>>),
    /// Between two layers.
    Gone,
}

impl Stream {
    /// Wraps the stream in TLS.
    pub(crate) async fn start_tls(
        self,
        setup: &TlsSetup,
        security: Security,
        place: &Place,
        timeouts: &Timeouts,
    ) -> Result<Self, ConnectorError> {
        let Self::Plain(metered) = self else {
            return Err(place.protocol("TLS was asked for twice"));
        };
        let host = place.host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            let text = format!("\"{}\" is no name that a certificate can have", place.host);
            ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::Usage, text).because(error)
        })?;
        let handshake = TlsConnector::from(setup.config.clone()).connect(name, metered);
        let tls = tokio::time::timeout(timeouts.connect, handshake).await.map_err(|_| {
            let text = format!("{} has not answered to TLS within {} s", place.server(), timeouts.connect.as_secs());
            ConnectorError::new(Scope::Endpoint, Retry::Now, ErrorKind::TimedOut, text)
                .hint("if this port begins without TLS, use STARTTLS (imap://), usually on port 143")
        })?;
        match tls {
            Ok(tls) => Ok(Self::Tls(Box::new(tls))),
            Err(error) => Err(setup.handshake_error(error, security, place)),
        }
    }

    /// Wraps the stream in DEFLATE; `ahead` are compressed bytes that were read already.
    pub(crate) fn compressed(self, ahead: Vec<u8>) -> Self {
        Self::Deflate(Box::new(Deflate::new(self, ahead)))
    }

    /// Has the system acknowledge what comes next without waiting for something to send.
    pub(crate) fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        match self {
            // Without it things are slower, and no worse.
            Self::Plain(metered) => drop(metered.tcp.set_quickack(true)),
            Self::Tls(tls) => drop(tls.get_ref().0.tcp.set_quickack(true)),
            Self::Deflate(deflate) => deflate.inner.acknowledge_at_once(),
            Self::Gone => {}
        }
    }

    /// Makes closing the stream drop what it has not sent, and tell the server so at once.
    pub(crate) fn reset_on_close(&self) {
        match self {
            // Without it the stream is closed a little more gently, which is no harm.
            Self::Plain(metered) => drop(metered.tcp.set_zero_linger()),
            Self::Tls(tls) => drop(tls.get_ref().0.tcp.set_zero_linger()),
            Self::Deflate(deflate) => deflate.inner.reset_on_close(),
            Self::Gone => {}
        }
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Deflate(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Deflate(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Deflate(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Deflate(stream) => Pin::new(stream).poll_flush(cx),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Deflate(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

/// A TCP stream that counts its bytes: below TLS and compression, so that what is counted is what the wire carries.
pub(crate) struct Metered {
    tcp: TcpStream,
    meter: Meter,
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        self.meter.received(buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.meter.sent(count);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(count)) = written {
            self.meter.sent(count);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_of_addresses_get_their_turn() {
        let addresses = ["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1"].map(|text| text.parse().unwrap());
        let mixed: Vec<String> = by_turns(addresses.to_vec()).iter().map(ToString::to_string).collect();
        assert_eq!(mixed, ["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"]);
    }

    #[tokio::test]
    async fn a_dead_address_does_not_keep_from_a_living_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead_address = dead.local_addr().unwrap();
        drop(dead);
        let tcp = race(&[dead_address, listener.local_addr().unwrap()]).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), listener.local_addr().unwrap());
    }

    #[tokio::test]
    async fn an_unknown_host_is_named() {
        let place = Place { host: "no-such-host.invalid".into(), port: 993, user: "u".into() };
        let Err(error) = connect(&place, &Timeouts::default(), &Meter::default()).await else {
            panic!("an unknown host was reached");
        };
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.to_string().contains("no-such-host.invalid"));
    }
}
