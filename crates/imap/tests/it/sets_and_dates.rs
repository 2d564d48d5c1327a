//! Sets of UIDs and internal dates: reading, writing, and back.

use limosa_imap::{InternalDate, UidSet};
use proptest::prelude::*;

fn set(text: &str) -> UidSet {
    UidSet::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is no set"))
}

#[test]
fn sets_are_read_in_the_order_given() {
    let cases = [
        ("1", "1", 1),
        ("1:5,7", "1:5,7", 6),
        ("7,1:5", "7,1:5", 6),
        ("9:3", "3:9", 7),
        ("1,2,3,5", "1:3,5", 4),
        ("3,2,1", "3,2,1", 3),
        ("0", "", 0),
        ("0:2", "1:2", 2),
        ("5:*", "5:*", 4_294_967_291),
        ("4294967295", "4294967295", 1),
        ("1:4294967295", "1:*", 4_294_967_295),
    ];
    for (text, written, length) in cases {
        let set = set(text);
        assert_eq!(set.to_string(), written, "{text}");
        assert_eq!(set.len(), length, "{text}");
    }
}

#[test]
fn what_is_no_set_is_none() {
    for text in ["", ",", "1,", ",1", "1:", ":1", "1:2:3", "a", "1 2", "-1", "4294967296", "1,,2", "$"] {
        assert_eq!(UidSet::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn sets_answer_questions() {
    let set = set("9,4:6");
    assert!(set.contains(5) && set.contains(9) && !set.contains(7));
    assert_eq!(set.iter().collect::<Vec<_>>(), [9, 4, 5, 6]);
    assert_eq!((set.min(), set.max()), (Some(4), Some(9)));
    assert_eq!(set.normalized().to_string(), "4:6,9");
    assert_eq!(UidSet::from_uids([1, 2, 4]).ranges(), [(1, 2), (4, 4)]);
    assert!(UidSet::new().is_empty());
}

proptest! {
    #[test]
    fn a_written_set_reads_the_same(uids in proptest::collection::vec(1u32..2_000, 1..200)) {
        let set = UidSet::from_uids(uids.iter().copied());
        prop_assert_eq!(set.iter().collect::<Vec<_>>(), uids);
        prop_assert_eq!(UidSet::parse(set.to_string().as_bytes()), Some(set));
    }

    #[test]
    fn pieces_of_a_set_fit_and_make_the_whole(uids in proptest::collection::vec(1u32.., 1..300), max in 1usize..100) {
        let set = UidSet::from_uids(uids.iter().copied());
        let pieces = set.split_for_line(max);
        let joined: Vec<u32> = pieces.iter().flat_map(|piece| piece.iter().collect::<Vec<_>>()).collect();
        prop_assert_eq!(joined, uids);
        for piece in pieces {
            prop_assert!(!piece.is_empty());
            prop_assert!(piece.to_string().len() <= max || piece.ranges().len() == 1);
        }
    }

    #[test]
    fn a_written_date_reads_the_same(seconds in -62_000_000_000i64..253_000_000_000, offset in -1_439i16..1_440) {
        let date = InternalDate { seconds, offset_minutes: offset };
        let text = date.format();
        prop_assert_eq!(text.len(), 26);
        prop_assert_eq!(InternalDate::parse(text.as_bytes()), Some(date));
    }

    #[test]
    fn no_bytes_make_dates_or_sets_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[0-9A-Za-z :,+*.-]{0,40}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            let _ = InternalDate::parse(bytes);
            if let Some(set) = UidSet::parse(bytes) {
                let _ = set.len();
            }
        }
    }
}

#[test]
fn dates_are_read_leniently_and_written_strictly() {
    // What was sent, seconds since 1970 (by GNU date), minutes east, as written.
    let cases = [
        ("17-Jul-1996 02:44:25 -0700", 837_596_665, -420, "17-Jul-1996 02:44:25 -0700"),
        ("01-Jan-1970 00:00:00 +0000", 0, 0, "01-Jan-1970 00:00:00 +0000"),
        (" 1-Jan-1970 00:00:00 +0000", 0, 0, "01-Jan-1970 00:00:00 +0000"),
        ("1-jan-1970 0:00:00 +0000", 0, 0, "01-Jan-1970 00:00:00 +0000"),
        ("29-FEB-2000 23:59:59 +1400", 951_818_399, 840, "29-Feb-2000 23:59:59 +1400"),
        ("31-Dec-1969 23:59:59 +0000", -1, 0, "31-Dec-1969 23:59:59 +0000"),
        ("31-Dec-2016 23:59:60 +0000", 1_483_228_800, 0, "01-Jan-2017 00:00:00 +0000"),
        ("Wed, 17 Jul 1996 02:44:25 -0700 (PDT)", 837_596_665, -420, "17-Jul-1996 02:44:25 -0700"),
        ("17 Jul 96 02:44 PDT", 837_596_640, -420, "17-Jul-1996 02:44:00 -0700"),
        ("17-Jul-1996 02:44:25 +05:30", 837_551_665, 330, "17-Jul-1996 02:44:25 +0530"),
        ("17-Jul-1996 02:44:25", 837_571_465, 0, "17-Jul-1996 02:44:25 +0000"),
        ("17-Jul-1996 02:44:25.123 Z", 837_571_465, 0, "17-Jul-1996 02:44:25 +0000"),
    ];
    for (text, seconds, offset_minutes, written) in cases {
        let date = InternalDate::parse(text.as_bytes());
        assert_eq!(date, Some(InternalDate { seconds, offset_minutes }), "{text}");
        assert_eq!(date.map(InternalDate::format).as_deref(), Some(written), "{text}");
    }
}

#[test]
fn what_is_no_date_is_none() {
    let cases = [
        "",
        " ",
        "NIL",
        "00-Jan-0000 00:00:00 +0000",
        "01-Jan-0000 00:00:00 +0000",
        "32-Jan-2000 00:00:00 +0000",
        "29-Feb-1900 00:00:00 +0000",
        "31-Apr-2000 00:00:00 +0000",
        "01-Foo-2000 00:00:00 +0000",
        "01-Jan-2000 24:00:00 +0000",
        "01-Jan-2000 00:60:00 +0000",
        "01-Jan-2000 00:00:61 +0000",
        "01-Jan-2000 00:00:00 +9999",
        "01-Jan-2000 00:00:00 0000",
        "01-Jan-2000",
        "2000-01-01T00:00:00Z",
        "01-Jan-20000 00:00:00 +0000",
        "01-Jan-2000 00:00:00 +00x0",
        "0/-Jan-2000 00:00:00 +0000",
    ];
    for text in cases {
        assert_eq!(InternalDate::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn moments_beyond_four_digits_of_year_are_moved_inside() {
    assert_eq!(InternalDate::utc(i64::from(u32::MAX) * 1_000).format(), "31-Dec-9999 23:59:59 +0000");
    assert_eq!(InternalDate::utc(-i64::from(u32::MAX) * 1_000).format(), "01-Jan-0001 00:00:00 +0000");
    assert_eq!(InternalDate::utc(837_596_665).format_day(), "17-Jul-1996");
}
