//! COMPRESS=DEFLATE (RFC 4978): how a connection's bytes are squeezed, above TLS and below the protocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Compressed bytes wait here at most, in each direction.
const BUFFER: usize = 64 * 1024;

/// A stream whose bytes are raw DEFLATE on the wire.
pub(crate) struct Deflate<S> {
    pub(crate) inner: S,
    inflate: Decompress,
    deflate: Compress,
    /// Compressed bytes that came, from `taken` on.
    incoming: Vec<u8>,
    taken: usize,
    /// Compressed bytes to be sent, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    /// Something was written since the compressor was last flushed.
    unflushed: bool,
}

impl<S> Deflate<S> {
    /// `ahead`: compressed bytes that were read from `inner` already.
    pub(crate) fn new(inner: S, ahead: Vec<u8>) -> Self {
        Self {
            inner,
            inflate: Decompress::new(false),
            // The fastest level: most mail is base64 already, and the line is to be kept busy.
            deflate: Compress::new(Compression::fast(), false),
            incoming: ahead,
            taken: 0,
            outgoing: Vec::with_capacity(BUFFER),
            sent: 0,
            unflushed: false,
        }
    }
}

impl<S: AsyncWrite + Unpin> Deflate<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outgoing.len() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.outgoing[self.sent..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.outgoing.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deflate<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let before = (this.inflate.total_in(), this.inflate.total_out());
            // Asked even without input: the decompressor may hold output back that did not fit before.
            let status = this
                .inflate
                .decompress(&this.incoming[this.taken..], out.initialize_unfilled(), FlushDecompress::None)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let produced = (this.inflate.total_out() - before.1) as usize;
            this.taken += (this.inflate.total_in() - before.0) as usize;
            if produced > 0 {
                out.advance(produced);
                return Poll::Ready(Ok(()));
            }
            if status == Status::StreamEnd || out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if this.taken < this.incoming.len() && this.inflate.total_in() > before.0 {
                continue;
            }
            this.incoming.resize(BUFFER, 0);
            this.taken = 0;
            let mut buffer = ReadBuf::new(&mut this.incoming);
            let read = Pin::new(&mut this.inner).poll_read(cx, &mut buffer);
            let filled = buffer.filled().len();
            this.incoming.truncate(if read.is_ready() { filled } else { 0 });
            ready!(read)?;
            if filled == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Deflate<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.outgoing.len() >= BUFFER {
            ready!(this.poll_drain(cx))?;
        }
        let before = this.deflate.total_in();
        this.outgoing.reserve(BUFFER);
        this.deflate.compress_vec(bytes, &mut this.outgoing, FlushCompress::None).map_err(io::Error::other)?;
        this.unflushed = true;
        Poll::Ready(Ok((this.deflate.total_in() - before) as usize))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.unflushed {
            if this.outgoing.len() >= BUFFER {
                ready!(this.poll_drain(cx))?;
            }
            this.outgoing.reserve(BUFFER);
            this.deflate.compress_vec(&[], &mut this.outgoing, FlushCompress::Sync).map_err(io::Error::other)?;
            // A flush is whole once it left room in the output (zlib.h on Z_SYNC_FLUSH).
            this.unflushed = this.outgoing.len() == this.outgoing.capacity();
        }
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out_in_both_directions() {
        let (near, far) = tokio::io::duplex(1000);
        let (mut near, mut far) = (Deflate::new(near, Vec::new()), Deflate::new(far, Vec::new()));
        // Bytes that do not compress, so that buffers run full.
        let mut state = 1_u32;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(400_000)
        .collect();
        let sent = bytes.clone();
        let writing = async move {
            near.write_all(&sent).await.unwrap();
            near.flush().await.unwrap();
            let mut answer = [0; 4];
            near.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"done");
        };
        let reading = async move {
            let mut got = vec![0; 400_000];
            far.read_exact(&mut got).await.unwrap();
            assert!(got == bytes);
            far.write_all(b"done").await.unwrap();
            far.flush().await.unwrap();
        };
        tokio::join!(writing, reading);
    }

    #[tokio::test]
    async fn the_end_of_the_line_is_the_end_of_the_stream() {
        let (near, far) = tokio::io::duplex(1000);
        drop(far);
        assert_eq!(Deflate::new(near, Vec::new()).read(&mut [0; 10]).await.unwrap(), 0);
    }
}
