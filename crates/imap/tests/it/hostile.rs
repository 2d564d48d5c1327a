//! Lines as servers should not send them, and a few as they should: what is made of each.
//! An odd item costs that item, never the line.

use limosa_imap::{Decoder, Limits, ProtocolError};

use crate::say::{drain, say_all};

/// What it is, the bytes, what must come out.
type Case = (&'static str, &'static [u8], &'static str);

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (name, bytes, expected) in cases {
        let said = say_all(bytes);
        if said != *expected {
            wrong.push(format!(
                "{name}\n  bytes:    {}\n  expected: {expected}\n  said:     {said}",
                bytes.escape_ascii()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} lines:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

const FETCH_FLAGS: &[Case] = &[
    ("none", b"* 4 FETCH (FLAGS () UID 9)\r\n", "fetch 4 uid=9 flags=()"),
    (
        "all six",
        b"* 4 FETCH (FLAGS (\\Recent \\Draft \\Deleted \\Flagged \\Answered \\Seen))\r\n",
        "fetch 4 flags=(\\Seen \\Answered \\Flagged \\Deleted \\Draft \\Recent)",
    ),
    (
        "upper and lower case",
        b"* 4 FETCH (flags (\\SEEN \\flagged $forwarded))\r\n",
        "fetch 4 flags=(\\Seen \\Flagged $forwarded)",
    ),
    ("bracket in keyword", b"* 4 FETCH (FLAGS (a]b [x]) UID 3)\r\n", "fetch 4 uid=3 flags=(a]b [x])"),
    ("keyword in UTF-8", "* 4 FETCH (FLAGS (wichtig äöü) UID 3)\r\n".as_bytes(), "fetch 4 uid=3 flags=(wichtig äöü)"),
    ("keyword in Latin-1", b"* 4 FETCH (FLAGS (\xe4) UID 3)\r\n", "fetch 4 uid=3 flags=(\\xe4)"),
    ("quoted keyword", b"* 4 FETCH (FLAGS (\"two words\" \\Seen) UID 3)\r\n", "fetch 4 uid=3 flags=(\\Seen two words)"),
    ("literal keyword", b"* 4 FETCH (FLAGS ({3}\r\na b \\Seen) UID 3)\r\n", "fetch 4 uid=3 flags=(\\Seen a b)"),
    ("spaces before, between, after", b"* 4 FETCH (FLAGS (  \\Seen   x ) UID 3)\r\n", "fetch 4 uid=3 flags=(\\Seen x)"),
    ("star as in PERMANENTFLAGS", b"* 4 FETCH (FLAGS (\\Seen \\*) UID 3)\r\n", "fetch 4 uid=3 flags=(\\Seen \\*)"),
    ("unknown with backslash", b"* 4 FETCH (FLAGS (\\Important) UID 3)\r\n", "fetch 4 uid=3 flags=(\\Important)"),
    ("a keyword called NIL", b"* 4 FETCH (FLAGS (nil NIL) UID 3)\r\n", "fetch 4 uid=3 flags=(nil NIL)"),
    ("NIL for the list", b"* 4 FETCH (FLAGS NIL UID 3)\r\n", "fetch 4 uid=3 flags=()"),
    ("no list", b"* 4 FETCH (FLAGS \\Seen UID 3)\r\n", "fetch 4 uid=3 bad:FLAGS=<\\Seen>"),
    ("list in list", b"* 4 FETCH (FLAGS (\\Seen (x y)) UID 3)\r\n", "fetch 4 uid=3 bad:FLAGS=<(\\Seen (x y))>"),
    ("number", b"* 4 FETCH (FLAGS 17 UID 3)\r\n", "fetch 4 uid=3 bad:FLAGS=<17>"),
    ("braces that are no literal", b"* 4 FETCH (FLAGS (a{1}b {x}) UID 3)\r\n", "fetch 4 uid=3 flags=(a{1}b {x})"),
];

#[test]
fn fetch_flags() {
    check(FETCH_FLAGS);
}

const FETCH_NUMBERS_AND_DATES: &[Case] = &[
    ("size beyond 32 bits", b"* 1 FETCH (RFC822.SIZE 5000000000)\r\n", "fetch 1 size=5000000000"),
    (
        "size beyond 64 bits",
        b"* 1 FETCH (RFC822.SIZE 99999999999999999999 UID 2)\r\n",
        "fetch 1 uid=2 bad:RFC822.SIZE=<99999999999999999999>",
    ),
    ("size negative", b"* 1 FETCH (RFC822.SIZE -1 UID 2)\r\n", "fetch 1 uid=2 bad:RFC822.SIZE=<-1>"),
    ("size NIL", b"* 1 FETCH (RFC822.SIZE NIL UID 2)\r\n", "fetch 1 uid=2 bad:RFC822.SIZE=<NIL>"),
    ("size quoted", b"* 1 FETCH (RFC822.SIZE \"44\" UID 2)\r\n", "fetch 1 uid=2 size=44"),
    ("size with leading zeroes", b"* 1 FETCH (RFC822.SIZE 00000000000000000000000044)\r\n", "fetch 1 size=44"),
    ("size without a value", b"* 1 FETCH (RFC822.SIZE UID 2)\r\n", "fetch 1 uid=2 bad:RFC822.SIZE=<>"),
    ("uid zero", b"* 1 FETCH (UID 0 RFC822.SIZE 5)\r\n", "fetch 1 size=5 bad:UID=<0>"),
    ("uid too large", b"* 1 FETCH (UID 4294967296 RFC822.SIZE 5)\r\n", "fetch 1 size=5 bad:UID=<4294967296>"),
    ("uid in hexadecimal", b"* 1 FETCH (UID 0x10 RFC822.SIZE 5)\r\n", "fetch 1 size=5 bad:UID=<0x10>"),
    ("uid twice", b"* 1 FETCH (UID 3 UID 4)\r\n", "fetch 1 uid=4"),
    ("uid good, then bad", b"* 1 FETCH (UID 3 UID x)\r\n", "fetch 1 uid=3 bad:UID=<x>"),
    ("modseq zero", b"* 1 FETCH (MODSEQ (0) UID 2)\r\n", "fetch 1 uid=2 modseq=0"),
    ("modseq negative", b"* 1 FETCH (MODSEQ (-7) UID 2)\r\n", "fetch 1 uid=2 bad:MODSEQ=<(-7)>"),
    ("modseq without parentheses", b"* 1 FETCH (MODSEQ 81 UID 2)\r\n", "fetch 1 uid=2 modseq=81"),
    ("modseq of 63 bits", b"* 1 FETCH (MODSEQ (9223372036854775807))\r\n", "fetch 1 modseq=9223372036854775807"),
    ("modseq of two", b"* 1 FETCH (MODSEQ (1 2) UID 2)\r\n", "fetch 1 uid=2 bad:MODSEQ=<(1 2)>"),
    ("modseq empty", b"* 1 FETCH (MODSEQ () UID 2)\r\n", "fetch 1 uid=2 bad:MODSEQ=<()>"),
    (
        "date as it should be",
        b"* 1 FETCH (INTERNALDATE \"05-Mar-2023 07:08:09 -0330\")\r\n",
        "fetch 1 date=1678012689@05-Mar-2023 07:08:09 -0330",
    ),
    (
        "day with a space",
        b"* 1 FETCH (INTERNALDATE \" 5-Mar-2023 07:08:09 +0000\")\r\n",
        "fetch 1 date=1678000089@05-Mar-2023 07:08:09 +0000",
    ),
    (
        "day of one digit",
        b"* 1 FETCH (INTERNALDATE \"5-mar-2023 07:08:09 +0000\")\r\n",
        "fetch 1 date=1678000089@05-Mar-2023 07:08:09 +0000",
    ),
    ("date NIL", b"* 1 FETCH (INTERNALDATE NIL UID 2)\r\n", "fetch 1 uid=2 bad:INTERNALDATE=<NIL>"),
    ("date empty", b"* 1 FETCH (INTERNALDATE \"\" UID 2)\r\n", "fetch 1 uid=2 bad:INTERNALDATE=<\"\">"),
    (
        "year zero",
        b"* 1 FETCH (INTERNALDATE \"00-Jan-0000 00:00:00 +0000\" UID 2)\r\n",
        "fetch 1 uid=2 bad:INTERNALDATE=<\"00-Jan-0000 00:00:00 +0000\">",
    ),
    (
        "30 February",
        b"* 1 FETCH (INTERNALDATE \"30-Feb-2020 00:00:00 +0000\" UID 2)\r\n",
        "fetch 1 uid=2 bad:INTERNALDATE=<\"30-Feb-2020 00:00:00 +0000\">",
    ),
    (
        "date as a literal",
        b"* 1 FETCH (INTERNALDATE {26}\r\n05-Mar-2023 07:08:09 +0000 UID 2)\r\n",
        "fetch 1 uid=2 date=1678000089@05-Mar-2023 07:08:09 +0000",
    ),
    (
        "date without quotes",
        b"* 1 FETCH (INTERNALDATE 05-Mar-2023 UID 2)\r\n",
        "fetch 1 uid=2 bad:INTERNALDATE=<05-Mar-2023>",
    ),
    (
        "date without zone",
        b"* 1 FETCH (INTERNALDATE \"05-Mar-2023 07:08:09\")\r\n",
        "fetch 1 date=1678000089@05-Mar-2023 07:08:09 +0000",
    ),
    (
        "date with zone name",
        b"* 1 FETCH (INTERNALDATE \"05-Mar-2023 07:08:09 GMT\")\r\n",
        "fetch 1 date=1678000089@05-Mar-2023 07:08:09 +0000",
    ),
];

#[test]
fn fetch_numbers_and_dates() {
    check(FETCH_NUMBERS_AND_DATES);
}

const FETCH_OTHER_ITEMS: &[Case] = &[
    ("ids of RFC 8474", b"* 1 FETCH (EMAILID (M9x) THREADID (T1) UID 2)\r\n", "fetch 1 uid=2 email=M9x ?THREADID=[T1]"),
    ("id without parentheses", b"* 1 FETCH (EMAILID M9x THREADID NIL)\r\n", "fetch 1 email=M9x ?THREADID=NIL"),
    (
        "Gmail's own",
        b"* 1 FETCH (X-GM-THRID 17 X-GM-LABELS (\"\\\\Sent\" work \"a b\") UID 2)\r\n",
        "fetch 1 uid=2 ?X-GM-THRID=17 ?X-GM-LABELS=[\"\\\\Sent\", work, \"a b\"]",
    ),
    (
        "unknown, nested",
        b"* 1 FETCH (X-DEEP (a (b (\"c)\" ())) d) UID 2)\r\n",
        "fetch 1 uid=2 ?X-DEEP=[a, [b, [\"c)\", []]], d]",
    ),
    ("unknown, literal", b"* 1 FETCH (X-NOTE {4}\r\n) (\" UID 2)\r\n", "fetch 1 uid=2 ?X-NOTE={) (\\\"}"),
    ("lower case", b"* 1 fetch (uid 2 rfc822.size 3 modseq (4))\r\n", "fetch 1 uid=2 size=3 modseq=4"),
    ("spaces everywhere", b"* 1 FETCH  (  UID   2  RFC822.SIZE 3  )  \r\n", "fetch 1 uid=2 size=3"),
    ("no items", b"* 1 FETCH ()\r\n", "fetch 1"),
    ("no parentheses", b"* 1 FETCH UID 2 RFC822.SIZE 3\r\n", "fetch 1 uid=2 size=3"),
    ("never closed", b"* 1 FETCH (UID 2 RFC822.SIZE 3\r\n", "fetch 1 uid=2 size=3"),
    ("closed twice", b"* 1 FETCH (UID 2))\r\n", "fetch 1 uid=2"),
    ("quote never closed", b"* 1 FETCH (UID 2 X-A \"oops UID 3)\r\n", "fetch 1 uid=2 bad:X-A=<\"oops UID 3)>"),
    ("list never closed", b"* 1 FETCH (UID 2 X-A (b c\r\n", "fetch 1 uid=2 bad:X-A=<(b c>"),
    ("items in parentheses of their own", b"* 1 FETCH ((x y) UID 2 ((FLAGS (a))))\r\n", "fetch 1 uid=2 flags=(a) ?x=y"),
    ("far too many parentheses", b"* 1 FETCH ((((UID 2\r\n", "fetch 1 uid=2"),
    ("string where a name should be", b"* 1 FETCH (\"x\" UID 2)\r\n", "fetch 1 uid=2 bad:=<\"x\">"),
    ("section without a value at the end", b"* 1 FETCH (UID 2 BODY[2])\r\n", "fetch 1 uid=2 bad:BODY[2]=<>"),
    ("section without a value before another", b"* 1 FETCH (BODY[2] UID 2)\r\n", "fetch 1 uid=2 bad:BODY[2]=<>"),
    ("NUL in an unknown item", b"* 1 FETCH (X-A a\0b UID 2)\r\n", "fetch 1 uid=2 ?X-A=a\\x00b"),
    ("CR in the line", b"* 1 FETCH (X-A a\rb UID 2)\r\n", "fetch 1 uid=2 ?X-A=a\\rb"),
    ("LF alone at the end", b"* 1 FETCH (UID 2)\n", "fetch 1 uid=2"),
    ("two CRs at the end", b"* 1 FETCH (UID 2)\r\r\n", "fetch 1 uid=2"),
    ("sequence number zero", b"* 0 FETCH (UID 2)\r\n", "fetch 0 uid=2"),
    ("sequence number too large", b"* 4294967296 FETCH (UID 2)\r\n", "unknown FETCH [4294967296, [UID, 2]]"),
    ("header", b"* 1 FETCH (BODY[HEADER] {6}\r\nA: b\r\n UID 2)\r\n", "fetch 1 uid=2 header=A: b\\r\\n"),
    (
        "some header fields",
        b"* 1 FETCH (UID 2 BODY[HEADER.FIELDS (Message-ID DATE)] {2}\r\n\r\n)\r\n",
        "fetch 1 uid=2 header=\\r\\n",
    ),
    (
        "header fields quoted",
        b"* 1 FETCH (UID 2 BODY[HEADER.FIELDS (\"Message-ID\" \"a]b\")] \"\")\r\n",
        "fetch 1 uid=2 header=",
    ),
    (
        "header fields in lower case",
        b"* 1 FETCH (uid 2 body[header.fields (date)] \"x\")\r\n",
        "fetch 1 uid=2 header=x",
    ),
    (
        "header, its beginning",
        b"* 1 FETCH (BODY[HEADER]<0> {6}\r\nA: b\r\n UID 2)\r\n",
        "fetch 1 uid=2 header=A: b\\r\\n",
    ),
    ("header NIL", b"* 1 FETCH (BODY[HEADER] NIL UID 2)\r\n", "fetch 1 uid=2"),
    (
        "the other header fields",
        b"* 1 FETCH (BODY[HEADER.FIELDS.NOT (A)] \"x\" UID 2)\r\n",
        "fetch 1 uid=2 ?BODY[HEADER.FIELDS.NOT (A)]=\"x\"",
    ),
    (
        "structure",
        b"* 1 FETCH (BODY (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 -1) UID 2)\r\n",
        "fetch 1 uid=2 ?BODY=[\"TEXT\", \"PLAIN\", NIL, NIL, NIL, \"7BIT\", 1, -1]",
    ),
    (
        "a save date",
        b"* 1 FETCH (SAVEDATE \"05-Mar-2023 07:08:09 +0000\" UID 2)\r\n",
        "fetch 1 uid=2 ?SAVEDATE=\"05-Mar-2023 07:08:09 +0000\"",
    ),
];

#[test]
fn fetch_other_items() {
    check(FETCH_OTHER_ITEMS);
}

const FETCH_BODIES: &[Case] = &[
    (
        "literal",
        b"* 1 FETCH (UID 2 BODY[] {3}\r\nabc FLAGS (\\Seen))\r\n",
        "start(3) fetch 1 uid=2\nchunk abc\nend fetch 1 uid=2 flags=(\\Seen)",
    ),
    ("literal first", b"* 1 FETCH (BODY[] {3}\r\nabc UID 2)\r\n", "start(3) fetch 1\nchunk abc\nend fetch 1 uid=2"),
    ("literal, empty", b"* 1 FETCH (UID 2 BODY[] {0}\r\n)\r\n", "start(0) fetch 1 uid=2\nend fetch 1 uid=2"),
    (
        "literal with plus",
        b"* 1 FETCH (UID 2 BODY[] {3+}\r\nabc)\r\n",
        "start(3) fetch 1 uid=2\nchunk abc\nend fetch 1 uid=2",
    ),
    (
        "NUL and 8 bit in it",
        b"* 1 FETCH (UID 2 BODY[] {4}\r\n\0\xff\r\n)\r\n",
        "start(4) fetch 1 uid=2\nchunk \\x00\\xff\\r\\n\nend fetch 1 uid=2",
    ),
    ("lower case", b"* 1 fetch (uid 2 body[] {3}\r\nabc)\r\n", "start(3) fetch 1 uid=2\nchunk abc\nend fetch 1 uid=2"),
    ("RFC822", b"* 1 FETCH (RFC822 {3}\r\nabc UID 2)\r\n", "start(3) fetch 1\nchunk abc\nend fetch 1 uid=2"),
    (
        "binary",
        b"* 1 FETCH (UID 2 BINARY[] ~{3}\r\na\0c)\r\n",
        "start(3) fetch 1 uid=2\nchunk a\\x00c\nend fetch 1 uid=2",
    ),
    (
        "part of a body",
        b"* 1 FETCH (UID 2 BODY[]<100> {3}\r\nabc)\r\n",
        "start(3) fetch 1 uid=2 origin=100\nchunk abc\nend fetch 1 uid=2 origin=100",
    ),
    (
        "quoted",
        b"* 1 FETCH (UID 2 BODY[] \"a\\\"b\" FLAGS ())\r\n",
        "start(3) fetch 1 uid=2\nchunk a\"b\nend fetch 1 uid=2 flags=()",
    ),
    ("quoted, empty", b"* 1 FETCH (BODY[] \"\" UID 2)\r\n", "start(0) fetch 1\nend fetch 1 uid=2"),
    ("NIL", b"* 1 FETCH (UID 2 BODY[] NIL FLAGS ())\r\n", "fetch 1 uid=2 flags=() nil"),
    ("atom", b"* 1 FETCH (UID 2 BODY[] what FLAGS ())\r\n", "fetch 1 uid=2 flags=() bad:BODY[]=<what>"),
    (
        "a header before",
        b"* 1 FETCH (BODY[HEADER] {2}\r\n\r\n BODY[] {3}\r\nabc UID 2)\r\n",
        "start(3) fetch 1 header=\\r\\n\nchunk abc\nend fetch 1 uid=2 header=\\r\\n",
    ),
    (
        "a header behind",
        b"* 1 FETCH (BODY[] {3}\r\nabc BODY[HEADER] {2}\r\n\r\n UID 2)\r\n",
        "start(3) fetch 1\nchunk abc\nend fetch 1 uid=2 header=\\r\\n",
    ),
    (
        "two bodies",
        b"* 1 FETCH (BODY[] {3}\r\nabc RFC822 {1}\r\nx UID 2)\r\n",
        "start(3) fetch 1\nchunk abc\nend fetch 1 uid=2 ?RFC822={x}",
    ),
    (
        "NIL, then a body",
        b"* 1 FETCH (RFC822 NIL BODY[] {1}\r\nx)\r\n",
        "start(1) fetch 1 nil\nchunk x\nend fetch 1 nil",
    ),
    (
        "other items odd",
        b"* 1 FETCH (INTERNALDATE NIL BODY[] {1}\r\nx UID 0 FLAGS (a))\r\n",
        "start(1) fetch 1 bad:INTERNALDATE=<NIL>\nchunk x\nend fetch 1 flags=(a) bad:INTERNALDATE=<NIL> bad:UID=<0>",
    ),
    (
        "name of a body deep inside",
        b"* 1 FETCH (X-A (BODY[] {3}\r\nabc) UID 2)\r\n",
        "fetch 1 uid=2 ?X-A=[BODY[], {abc}]",
    ),
    (
        "in parentheses of its own",
        b"* 1 FETCH ((BODY[] {3}\r\nabc) UID 2)\r\n",
        "start(3) fetch 1\nchunk abc\nend fetch 1 uid=2",
    ),
    (
        "space behind the parenthesis",
        b"* 1 FETCH (BODY[] {1}\r\nx UID 2) \r\n",
        "start(1) fetch 1\nchunk x\nend fetch 1 uid=2",
    ),
    ("text of a body is no body", b"* 1 FETCH (BODY[TEXT] {1}\r\nx UID 2)\r\n", "fetch 1 uid=2 ?BODY[TEXT]={x}"),
];

#[test]
fn fetch_bodies() {
    check(FETCH_BODIES);
}

#[test]
fn lying_bodies_are_errors() {
    let cases: [(&str, &[u8]); 9] = [
        ("shorter than announced", b"* 1 FETCH (UID 2 BODY[] {9}\r\nabc)\r\n* 2 FETCH (UID 3 BODY[] {3}\r\nabc)\r\n"),
        ("longer than announced", b"* 1 FETCH (UID 2 BODY[] {3}\r\nabcdef)\r\n"),
        ("longer by a line end", b"* 1 FETCH (UID 2 BODY[] {3}\r\nabc\r\n)\r\n"),
        ("not closed", b"* 1 FETCH (UID 2 BODY[] {3}\r\nabc\r\n"),
        ("not closed, with items", b"* 1 FETCH (UID 2 BODY[] {3}\r\nabc FLAGS ()\r\n"),
        ("more after the end", b"* 1 FETCH (UID 2 BODY[] {3}\r\nabc) and so on\r\n"),
        ("prose after it", b"* 1 FETCH (UID 2 BODY[] {3}\r\nabc (see below) \"x\")\r\n"),
        ("empty, then rubbish", b"* 1 FETCH (UID 2 BODY[] {0}\r\n\0 FLAGS ())\r\n"),
        ("an open quote after it", b"* 1 FETCH (UID 2 BODY[] {3}\r\nabc X-A \"y)\r\n"),
    ];
    for (name, bytes) in cases {
        let said = say_all(bytes);
        assert!(said.starts_with("error: the body of message 1 was announced with"), "{name}: {said}");
        let careful = drain(&mut Decoder::without_fast_path(Limits::default()), bytes, usize::MAX);
        assert!(matches!(careful, Err(ProtocolError::BodyNotClosed { sequence: 1, .. })), "{name}: {careful:?}");
    }
}

const STATUS_LINES: &[Case] = &[
    ("tagged", b"L17 OK done\r\n", "L17 Ok done"),
    ("tagged in lower case", b"l17 ok done\r\n", "L17 Ok done"),
    ("somebody else's tag", b"A0001 OK done\r\n", "L0 Ok done"),
    ("tag too large", b"L99999999999 NO x\r\n", "L0 No x"),
    ("without text", b"L1 OK\r\n", "L1 Ok"),
    ("with a space for text", b"L1 BAD \r\n", "L1 Bad"),
    ("text that looks like a literal", b"L1 NO too big {100}\r\nL2 OK\r\n", "L1 No too big {100}\nL2 Ok"),
    ("text in UTF-8", "* NO Ungültig\r\n".as_bytes(), "* No Ungültig"),
    ("text in Latin-1", b"* NO Ung\xfcltig\r\n", "* No Ung\\xfcltig"),
    ("bye without text", b"* BYE\r\n", "* Bye"),
    ("preauth", b"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", "* Preauth [Capability(Capabilities(IMAP4rev1))] hi"),
    ("code without text", b"L1 OK [READ-WRITE]\r\n", "L1 Ok [ReadWrite]"),
    ("code in lower case", b"L1 no [tryCreate] x\r\n", "L1 No [TryCreate] x"),
    ("code never closed", b"L1 NO [TRYCREATE x\r\n", "L1 No [TRYCREATE x"),
    ("bracket at the end of the text", b"* OK ready [AbC=]\r\n", "* Ok ready [AbC=]"),
    ("empty code", b"* OK [] x\r\n", "* Ok [] x"),
    ("number too large", b"* OK [UIDVALIDITY 4294967296] x\r\n", "* Ok [UIDVALIDITY [4294967296]] x"),
    (
        "numbers of zero",
        b"* OK [UIDNEXT 0] x\r\n* OK [UNSEEN 0]\r\n* OK [HIGHESTMODSEQ 0]\r\n",
        "* Ok [UidNext(0)] x\n* Ok [Unseen(0)]\n* Ok [HighestModSeq(0)]",
    ),
    (
        "flags with a bracket",
        b"* OK [PERMANENTFLAGS (\\Seen a]b \\*)] x\r\n",
        "* Ok [PermanentFlags (\\Seen a]b \\*)] x",
    ),
    ("one appended", b"L1 OK [APPENDUID 7 100] x\r\n", "L1 Ok [AppendUid { validity: 7, uids: UidSet(100) }] x"),
    (
        "several appended, downwards",
        b"L1 OK [APPENDUID 7 9:10,3] x\r\n",
        "L1 Ok [AppendUid { validity: 7, uids: UidSet(9:10,3) }] x",
    ),
    (
        "copied",
        b"* OK [COPYUID 7 1:3,9 4:7] x\r\n",
        "* Ok [CopyUid { validity: 7, from: UidSet(1:3,9), to: UidSet(4:7) }] x",
    ),
    (
        "copied, without the star",
        b"[COPYUID 7 1 4]\r\n",
        "* Ok [CopyUid { validity: 7, from: UidSet(1), to: UidSet(4) }]",
    ),
    ("copied nothing", b"L1 OK [COPYUID 7] x\r\n", "L1 Ok [COPYUID [7]] x"),
    ("folder id", b"L1 OK [MAILBOXID (F2)] x\r\n", "L1 Ok [MailboxId F2] x"),
    ("quota with arguments", b"L1 NO [OVERQUOTA (STORAGE 5)] full\r\n", "L1 No [OverQuota] full"),
    ("modified", b"L1 OK [MODIFIED 7,9] x\r\n", "L1 Ok [Modified(UidSet(7,9))] x"),
    ("unknown with arguments", b"* OK [X-A 1 (b \"]\") c] d\r\n", "* Ok [X-A [1, [b, \"]\"], c]] d"),
    ("unknown, unreadable", b"* OK [X-A \"b] c\r\n", "* Ok [X-A [\\\"b]] c"),
    ("status unknown", b"L1 MAYBE so\r\n", "unknown L1 [MAYBE, so]"),
    ("web server", b"HTTP/1.1 400 Bad Request\r\n", "unknown HTTP/1.1 [400, Bad, Request]"),
    (
        "mail server of another kind",
        b"220 mail ESMTP\r\n+OK POP3 ready\r\n",
        "unknown 220 [mail, ESMTP]\n+ OK POP3 ready",
    ),
    ("continuations", b"+\r\n+ \r\n+ idling\r\n+ {5}\r\n", "+ \n+ \n+ idling\n+ {5}"),
    ("blank lines", b"\r\n\n \r\n* OK x\r\n", "* Ok x"),
    ("a star alone", b"*\r\n* \r\n", "unknown  []\nunknown  []"),
];

#[test]
fn status_lines() {
    check(STATUS_LINES);
}

const FOLDER_LINES: &[Case] = &[
    ("as it should be", b"* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"\r\n", "list (\\HasNoChildren \\Sent) / <Sent Items>"),
    ("atom with a bracket", b"* LIST () \"/\" a]b[c\r\n", "list () / <a]b[c>"),
    ("spaces without quotes", b"* LIST () \"/\" Sent Items\r\n", "list () / <Sent Items>"),
    ("quotes in quotes", b"* LIST () \"/\" \"the \"best\" of\"\r\n", "list () / <the \"best\" of>"),
    ("escaped quotes", b"* LIST () \"/\" \"the \\\"best\\\" \\\\of\"\r\n", "list () / <the \"best\" \\of>"),
    ("quote never closed", b"* LIST () \"/\" \"oops\r\n", "list () / <oops>"),
    ("literal name", b"* LIST () \"/\" {4}\r\na\"\r\n\r\n", "list () / <a\\\"\\r\\n>"),
    ("name in UTF-8", "* LIST () \"/\" \"Entwürfe\"\r\n".as_bytes(), "list () / <Entwürfe>"),
    ("name in Latin-1", b"* LIST () \"/\" \"Entw\xfcrfe\"\r\n", "list () / <Entw\\xfcrfe>"),
    ("name NIL", b"* LIST () \"/\" NIL\r\n", "list () / <NIL>"),
    ("empty name", b"* LIST (\\Noselect) \"/\" \"\"\r\n", "list (\\Noselect) / <>"),
    ("no delimiter", b"* LIST () NIL INBOX\r\n", "list () NIL <INBOX>"),
    ("empty delimiter", b"* LIST () \"\" INBOX\r\n", "list () NIL <INBOX>"),
    ("delimiter without quotes", b"* LIST () . INBOX.a\r\n", "list () . <INBOX.a>"),
    ("backslash", b"* LIST () \"\\\\\" \"a\\\\b\"\r\n", "list () \\ <a\\b>"),
    ("backslash not escaped", b"* LIST (\\NoInferiors) \"\\\" \"Sent\"\r\n", "list (\\NoInferiors) \\ <Sent>"),
    ("attributes NIL", b"* LIST NIL \"/\" a\r\n", "list () / <a>"),
    ("old name", b"* LIST () \"/\" \"b\" (\"OLDNAME\" (\"a\"))\r\n", "list () / <b> ?OLDNAME=[\"a\"]"),
    ("child info on an atom", b"* LIST () \"/\" b (CHILDINFO (\"SUBSCRIBED\"))\r\n", "list () / <b> ?CHILDINFO=[\"SUBSCRIBED\"]"),
    ("space at the end", b"* LIST () \"/\" b \r\n", "list () / <b>"),
    ("LSUB and XLIST", b"* lsub () \".\" a\r\n* XLIST (\\Inbox) \"/\" Inbox\r\n", "lsub () . <a>\nlist (\\Inbox) / <Inbox>"),
    ("without a name", b"* LIST () \"/\"\r\n", "unknown LIST [[], \"/\"]"),
    ("counts", b"* STATUS \"a b\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 UNSEEN 4 HIGHESTMODSEQ 5 SIZE 6000000000 DELETED 7 RECENT 8)\r\n", "status a b messages=1 uidnext=2 uidvalidity=3 modseq=5 unseen=4 recent=8 size=6000000000 deleted=7"),
    ("Dovecot's own ids", b"* STATUS x (X-GUID 137bba0b)\r\n", "status x id=137bba0b"),
    ("counts with ids and limits", b"* STATUS x (MAILBOXID (F1) APPENDLIMIT NIL)\r\n* STATUS x (APPENDLIMIT 9 MAILBOXID F1)\r\n", "status x id=F1 limit=None\nstatus x id=F1 limit=Some(9)"),
    ("counts odd", b"* STATUS x (MESSAGES -1 UIDNEXT 0 UIDVALIDITY 4294967296 X-Y (z) UNSEEN 2) \r\n", "status x uidnext=0 unseen=2 ?MESSAGES=-1 ?UIDVALIDITY=4294967296 ?X-Y=[z]"),
    ("count without a number", b"* STATUS x (UNSEEN 2 MESSAGES)\r\n", "status x unseen=2 ?MESSAGES=NIL"),
    ("counts of a name with spaces", b"* STATUS Sent Items (MESSAGES 1)\r\n", "status Sent Items messages=1"),
    ("counts of a literal name", b"* STATUS {3}\r\na b (MESSAGES 1)\r\n", "status a b messages=1"),
];

#[test]
fn folder_lines() {
    check(FOLDER_LINES);
}

const OTHER_LINES: &[Case] = &[
    ("numbers", b"* 3 EXISTS\r\n* 4 recent\r\n* 5 EXPUNGE\r\n", "Exists(3)\nRecent(4)\nExpunge(5)"),
    ("number too large", b"* 99999999999 EXISTS\r\n", "unknown EXISTS [99999999999]"),
    ("flags", b"* FLAGS (\\Seen $x  a]b)\r\n", "flags (\\Seen $x a]b)"),
    ("search", b"* SEARCH 1 2 30\r\n", "Search { ids: [1, 2, 30], modseq: None }"),
    (
        "search, nothing",
        b"* SEARCH\r\n* SEARCH \r\n",
        "Search { ids: [], modseq: None }\nSearch { ids: [], modseq: None }",
    ),
    ("search, spaces and rubbish", b"* SEARCH  1  x 99999999999 2 \r\n", "Search { ids: [1, 2], modseq: None }"),
    ("search with modseq", b"* SEARCH 1 2 (MODSEQ 917)\r\n", "Search { ids: [1, 2], modseq: Some(917) }"),
    ("sort", b"* SORT 3 1 2\r\n", "Search { ids: [3, 1, 2], modseq: None }"),
    (
        "esearch",
        b"* ESEARCH (TAG \"L4\") UID MIN 1 MAX 9 COUNT 3 ALL 1,5:9 MODSEQ 7\r\n",
        "esearch tag=L4 uid=yes min=1 max=9 all=1,5:9 count=3 modseq=7",
    ),
    ("esearch without a tag", b"* ESEARCH UID COUNT 0\r\n", "esearch uid=yes count=0"),
    ("esearch, nothing", b"* ESEARCH\r\n", "esearch"),
    (
        "esearch odd",
        b"* ESEARCH (TAG L4) COUNT x PARTIAL (1:9 1:4) ALL 1\r\n",
        "esearch tag=L4 all=1 ?COUNT=x ?PARTIAL=[1:9, 1:4]",
    ),
    (
        "vanished",
        b"* VANISHED 3:5,7\r\n* VANISHED (EARLIER) 9\r\n",
        "Vanished { earlier: false, uids: UidSet(3:5,7) }\nVanished { earlier: true, uids: UidSet(9) }",
    ),
    ("vanished, unreadable", b"* VANISHED (EARLIER) x\r\n", "unknown VANISHED [[EARLIER], x]"),
    (
        "capabilities",
        b"* CAPABILITY IMAP4rev1  AUTH= AUTH=PLAIN \r\n",
        "Capability(Capabilities(IMAP4rev1 AUTH= AUTH=PLAIN))",
    ),
    ("enabled", b"* ENABLED CONDSTORE QRESYNC\r\n* ENABLED\r\n", "enabled (CONDSTORE QRESYNC)\nenabled ()"),
    (
        "namespaces",
        b"* NAMESPACE ((\"INBOX.\" \".\")(\"\" NIL)) NIL ((\"#shared/\" \"/\" \"X\" (\"y\")))\r\n",
        "namespace (INBOX.Some('.') None) () (#shared/Some('/'))",
    ),
    ("quota", b"* QUOTA \"\" (STORAGE 10 5368709120 MESSAGE 2 20)\r\n", "quota  STORAGE 10/5368709120 MESSAGE 2/20"),
    ("quota without root, negative", b"* QUOTA (STORAGE 10 -1 MESSAGE 2 20)\r\n", "quota  MESSAGE 2/20"),
    (
        "quota root",
        b"* QUOTAROOT \"a b\" \"\" user.x\r\n* QUOTAROOT INBOX\r\n",
        "quotaroot a b ( user.x)\nquotaroot INBOX ()",
    ),
    (
        "id",
        b"* ID (\"name\" \"x\" \"os\" NIL)\r\n* ID NIL\r\n* ID (\"name\")\r\n",
        "id name=x os=NIL\nid \nid name=NIL",
    ),
    ("rights", b"* MYRIGHTS \"a b\" lrs\r\n", "myrights a b lrs"),
    ("unknown", b"* X-A b (c \"d\") {1}\r\ne NIL\r\n", "unknown X-A [b, [c, \"d\"], {e}, NIL]"),
    ("unknown, unreadable", b"* X-A b (c \"d\r\n", "unknown X-A [b, (c \\\"d]"),
    ("metadata", b"* METADATA \"\" (/shared/comment \"x\")\r\n", "unknown METADATA [\"\", [/shared/comment, \"x\"]]"),
    ("acl", b"* ACL INBOX owner lrswipkxtea\r\n", "unknown ACL [INBOX, owner, lrswipkxtea]"),
];

#[test]
fn other_lines() {
    check(OTHER_LINES);
}

/// Every line of the tables, for tests that compare two readers.
pub fn all_lines() -> impl Iterator<Item = &'static [u8]> {
    [FETCH_FLAGS, FETCH_NUMBERS_AND_DATES, FETCH_OTHER_ITEMS, FETCH_BODIES, STATUS_LINES, FOLDER_LINES, OTHER_LINES]
        .into_iter()
        .flatten()
        .map(|case| case.1)
}
