//! What a header block tells of a message.

use std::borrow::Cow;
use std::collections::HashSet;

use limosa_model::flags::SystemFlags;
use limosa_model::ledger::{Extent, Fingerprint};
use limosa_model::message::HeaderItem;
use limosa_model::{ConnectorError, Flags, Folder, IdList, InternalDate, Mailbox, MessageId};

use super::digests::{canonical, short};

/// How many header blocks are asked for at once.
const HEADERS_AT_ONCE: u32 = 500;

/// What is known of messages that look for their like.
#[derive(Clone, Debug, Default)]
pub struct Outlines(pub(super) Vec<Outline>);

impl Outlines {
    /// Reads the header blocks of these messages.
    ///
    /// # Errors
    /// The connection's.
    pub async fn read(mailbox: &mut dyn Mailbox, folder: &Folder, ids: &IdList) -> Result<Self, ConnectorError> {
        let mut outlines = Vec::new();
        for ids in ids.chunks(HEADERS_AT_ONCE) {
            let items = mailbox.headers(folder, &ids).await?;
            let missing = ids.len() - items.len() as u64;
            let named: HashSet<MessageId> = items.iter().map(|item| item.id.clone()).collect();
            outlines.extend(items.into_iter().map(Outline::of));
            if missing > 0 && ids.len() > 1 {
                // One message that cannot be given may keep back the others that were asked for with it.
                for id in ids.iter().filter(|id| !named.contains(id)) {
                    let alone = mailbox.headers(folder, &IdList::from_iter([id])).await?;
                    outlines.extend(alone.into_iter().map(Outline::of));
                }
            }
        }
        Ok(Self(outlines))
    }

    /// Headers prove nothing for these messages: what stands on the target in their place may have been mended.
    pub fn distrust(&mut self, ids: &HashSet<MessageId>) {
        for outline in self.0.iter_mut().filter(|outline| ids.contains(&outline.id)) {
            outline.trusted = false;
        }
    }

    /// Of each message that has an internal date: when that was, and what its header block shows, where that is taken as proof.
    pub fn prints(&self) -> impl Iterator<Item = (&MessageId, InternalDate, Option<Fingerprint>)> {
        self.0.iter().filter_map(|outline| Some((&outline.id, outline.internal_date?, outline.print())))
    }

    /// Takes out those that have found their like.
    pub fn take_out(&mut self, taken: &HashSet<&MessageId>) {
        self.0.retain(|outline| !taken.contains(&outline.id));
    }
}

/// What is kept of a header block: enough to tell messages apart at little memory.
#[derive(Clone, Debug)]
pub struct Outline {
    /// Its id.
    pub id: MessageId,
    /// Its flags.
    pub flags: Flags,
    /// When it was received.
    pub internal_date: Option<InternalDate>,
    /// Of the header block, in its canonical form, without carriage returns and the line ends after it: a mended message may have more.
    pub header: [u8; 16],
    /// Bytes of the message.
    pub size: u64,
    /// Equal for messages that a server may have changed on the way in: from fields that servers leave alone; without a
    /// Message-ID, from the internal date too.
    pub loose: [u8; 16],
    /// Equal for messages that may be the same at all: what is not akin is not worth reading.
    pub kin: [u8; 16],
    /// Whether an equal header block is proof.
    pub trusted: bool,
}

impl Outline {
    fn of(item: HeaderItem) -> Self {
        let has_message_id = header_field(&item.header, "message-id").is_some_and(|value| !value.is_empty());
        let fields = |names: &[&str], more: &[u8]| {
            let mut hasher = blake3::Hasher::new();
            for name in names {
                let value = canonical(field_bytes(&item.header, name).unwrap_or_default(), true);
                for word in value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
                    hasher.update(word);
                    hasher.update(b" ");
                }
                hasher.update(b"\n");
            }
            short(hasher.update(more))
        };
        let received = item.internal_date.filter(|_| !has_message_id).map(|date| date.seconds.to_le_bytes());
        let received = received.as_ref().map_or(&[][..], |bytes| bytes);
        let loose = fields(&["message-id", "date", "from", "subject"], received);
        let kin = fields(&["date", "from", "subject"], &[]);
        let mut header = blake3::Hasher::new();
        let canonical = canonical(&item.header, true);
        let end = canonical.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        for piece in canonical[..end].split(|byte| *byte == b'\r') {
            header.update(piece);
        }
        Self {
            header: short(&header),
            size: item.size,
            loose,
            kin,
            trusted: has_message_id && !item.flags.system.contains(SystemFlags::DRAFT),
            id: item.id,
            flags: item.flags,
            internal_date: item.internal_date,
        }
    }

    /// What the header block shows, where that is taken as proof.
    pub fn print(&self) -> Option<Fingerprint> {
        let digest = *self.header.first_chunk()?;
        let seconds = self.internal_date.filter(|_| self.trusted)?.seconds;
        Some(Fingerprint { size: self.size, seconds, of: Extent::Header, digest })
    }
}

/// The value of the first field of that name (in lower case), as text; `None` where there is none.
pub fn header_field<'a>(header: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    field_bytes(header, name).map(String::from_utf8_lossy)
}

/// The value of the first field of that name (in lower case), white space around it aside.
fn field_bytes<'a>(header: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut start = 0;
    while start < header.len() {
        let mut end = start;
        loop {
            end = header[end..].iter().position(|byte| *byte == b'\n').map_or(header.len(), |at| end + at + 1);
            if !matches!(header.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let field = &header[start..end];
        let colon = field.iter().position(|byte| *byte == b':');
        if let Some(colon) =
            colon.filter(|colon| field[..*colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()))
        {
            return Some(field[colon + 1..].trim_ascii());
        }
        start = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_found_folded_and_in_any_letter_case() {
        let header = b"Received: x\r\nMESSAGE-id :\r\n <a@b>\r\nSubject: a\r\n b\r\n\r\nSubject: not this\r\n";
        assert_eq!(header_field(header, "message-id").as_deref(), Some("<a@b>"));
        assert_eq!(header_field(header, "subject").as_deref(), Some("a\r\n b"));
        assert_eq!(header_field(header, "date"), None);
        assert_eq!(header_field(b"", "date"), None);
    }
}
