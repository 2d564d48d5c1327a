use limosa_model::folder::FolderState;
use limosa_model::folder::Watermark;

use super::*;

/// One folder from a few words: `path`, then `\Role`, `noselect`, `subscribed` or a number of messages, apart by `|`.
fn folder(text: &str) -> Folder {
    let mut words = text.split('|');
    let path = FolderPath::from(words.next().unwrap_or_default());
    let mut folder = Folder {
        name: path.to_string(),
        path,
        selectable: true,
        role: None,
        subscribed: false,
        object_id: None,
        state: None,
    };
    for word in words {
        match word {
            "noselect" => folder.selectable = false,
            "subscribed" => folder.subscribed = true,
            role if role.starts_with('\\') => folder.role = Some(Role::from_attribute(role).expect("a role")),
            messages => {
                let messages = messages.parse().expect("a number of messages");
                let watermark = Watermark::new("1");
                folder.state =
                    Some(FolderState { watermark, ids: String::new(), proves_unchanged: true, messages, bytes: None });
            }
        }
    }
    folder
}

fn folders(texts: &[&str]) -> Vec<Folder> {
    texts.iter().map(|text| folder(text)).collect()
}

fn known(source: &str, target: &str) -> LedgerFolder {
    LedgerFolder {
        source: source.into(),
        target: target.into(),
        source_watermark: None,
        target_watermark: None,
        source_ids: String::new(),
        target_ids: String::new(),
        keywords: String::new(),
        source_object_id: None,
        messages: 0,
    }
}

#[derive(Default)]
struct Case<'a> {
    source: &'a [&'a str],
    target: &'a [&'a str],
    ledger: &'a [(&'a str, &'a str)],
    map: &'a [(&'a str, &'a str)],
    only: &'a [&'a str],
    exclude: &'a [&'a str],
    include_views: bool,
    limits: Limits,
}

impl Case<'_> {
    fn plan(&self) -> FolderPlan {
        let globs = |texts: &[&str]| texts.iter().map(|text| globset::Glob::new(text).expect("a glob")).collect();
        let rules = FolderRules {
            map: self.map.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect(),
            only: globs(self.only),
            exclude: globs(self.exclude),
            include_views: self.include_views,
        };
        let ledger: Vec<_> = self.ledger.iter().map(|(source, target)| known(source, target)).collect();
        match_folders(&folders(self.source), &folders(self.target), &self.limits, &ledger, &rules)
    }
}

/// Expects a line each: `source = target` where the target exists, `source + target` where it is made (` \Role`), then
/// ` subscribe` or ` unsubscribe`; `- source code` for notes; `gone source`.
#[track_caller]
fn check(case: Case<'_>, expect: &[&str]) {
    let plan = case.plan();
    let mut lines = Vec::new();
    for pair in &plan.pairs {
        let mut line = match &pair.place {
            Place::Exists(there) => format!("{} = {}", pair.source.path, there.path),
            Place::Create { path, role } => {
                let role = role.and_then(Role::attribute).map(|role| format!(" {role}")).unwrap_or_default();
                format!("{} + {path}{role}", pair.source.path)
            }
        };
        match pair.subscribe {
            Some(true) => line += " subscribe",
            Some(false) => line += " unsubscribe",
            None => {}
        }
        lines.push(line);
    }
    lines.extend(plan.notes.iter().map(|note| format!("- {} {}", note.folder, note.code)));
    lines.extend(plan.gone.iter().map(|gone| format!("gone {}", gone.source)));
    assert_eq!(lines, expect);
}

#[test]
fn the_same_path_is_the_same_folder() {
    check(
        Case {
            source: &["Work/2020", "INBOX", "Work|noselect", "Entwu\u{308}rfe 2", "a"],
            target: &["INBOX", "Entwürfe 2", "A"],
            ..Case::default()
        },
        &["INBOX = INBOX", "Entwu\u{308}rfe 2 = Entwürfe 2", "Work/2020 + Work/2020", "a + a"],
    );
}

#[test]
fn a_known_folder_keeps_its_place() {
    check(
        Case {
            source: &["INBOX", "a", "b", "b/new", "Gesendet"],
            target: &["INBOX", "a", "x", "Sent|\\Sent", "b"],
            ledger: &[("INBOX", "INBOX"), ("a", "x"), ("b", "lost"), ("Gesendet", "Gesendet"), ("c", "c")],
            ..Case::default()
        },
        &["INBOX = INBOX", "Gesendet + Gesendet", "a = x", "b + lost", "b/new + lost/new", "gone c"],
    );
}

#[test]
fn a_map_moves_a_known_folder_and_what_stands_below_it() {
    check(
        Case {
            source: &["a", "a/b", "a/c", "d", "other"],
            ledger: &[("a", "a"), ("a/b", "a/b"), ("d", "n/d")],
            map: &[("a", "n/a"), ("a/c", "z"), ("a", "n/o"), ("d", "n/d")],
            ..Case::default()
        },
        &["a + n/o", "a/b + n/o/b", "a/c + z", "d + n/d", "other + other"],
    );
}

#[test]
fn two_folders_can_change_places_by_map() {
    check(
        Case {
            source: &["a", "b"],
            target: &["a", "b"],
            ledger: &[("a", "a"), ("b", "b")],
            map: &[("a", "b"), ("b", "a")],
            ..Case::default()
        },
        &["a = b", "b = a"],
    );
}

#[test]
fn the_inbox_is_not_mapped_but_its_children_are() {
    check(
        Case { source: &["INBOX", "INBOX/a"], target: &["INBOX"], map: &[("INBOX", "Old")], ..Case::default() },
        &["INBOX = INBOX", "INBOX/a + Old/a", "- INBOX inbox-not-mapped"],
    );
    check(
        Case { source: &["INBOX", "Old"], target: &["INBOX"], map: &[("Old", "inbox")], ..Case::default() },
        &["INBOX = INBOX", "Old + INBOX (2)", "- Old renamed"],
    );
}

#[test]
fn nothing_is_merged_not_even_by_map() {
    let map: &[(&str, &str)] = &[("a", "x"), ("b", "x")];
    let first = Case { source: &["a", "b", "x", "x (2)"], map, ..Case::default() };
    check(first, &["a + x", "b + x (3)", "x + x (4)", "x (2) + x (2)", "- b renamed", "- x renamed"]);
}

#[test]
fn a_folder_renamed_by_a_map_keeps_its_new_name() {
    check(
        Case {
            source: &["a", "b"],
            target: &["x", "x (2)"],
            ledger: &[("a", "x"), ("b", "x (2)")],
            map: &[("a", "x"), ("b", "x")],
            ..Case::default()
        },
        &["a = x", "b = x (2)", "- b renamed"],
    );
}

#[test]
fn what_is_left_out() {
    let source: &[&str] =
        &["INBOX", "Work", "Work/a", "Workshop", "All Mail|\\All", "P|noselect", "Q|noselect|subscribed"];
    check(
        Case { source, exclude: &["Work"], only: &["*", "Work/**"], ..Case::default() },
        &[
            "INBOX + INBOX",
            "Workshop + Workshop",
            "- All Mail view",
            "- Q not-selectable",
            "- Work excluded",
            "- Work/a excluded",
        ],
    );
    check(
        Case { source, only: &["Work"], include_views: true, ..Case::default() },
        &["Work + Work", "Work/a + Work/a", "- All Mail excluded", "- INBOX excluded", "- Workshop excluded"],
    );
    check(Case { source: &["All|\\All"], map: &[("All", "Archive")], ..Case::default() }, &["All + Archive"]);
}

#[test]
fn an_excluded_folder_of_the_ledger_is_not_gone_and_keeps_its_place() {
    check(
        Case {
            source: &["a", "b"],
            target: &["a", "x"],
            ledger: &[("a", "x"), ("away", "y")],
            map: &[("b", "x")],
            exclude: &["a", "away"],
            ..Case::default()
        },
        &["b + x (2)", "- a excluded", "- b renamed"],
    );
}

#[test]
fn roles_by_name_and_by_declaration() {
    check(
        Case {
            source: &["INBOX", "Gesendete Elemente", "Papierkorb", "INBOX/Brouillons", "Spam|\\Junk", "Archiv"],
            target: &["INBOX", "Sent|\\Sent", "Deleted Items", "Drafts|\\Drafts", "Junk", "x|\\Archive|noselect"],
            ..Case::default()
        },
        &[
            "INBOX = INBOX",
            "INBOX/Brouillons = Drafts",
            "Archiv + Archiv \\Archive",
            "Gesendete Elemente = Sent",
            "Papierkorb = Deleted Items",
            "Spam = Junk",
        ],
    );
}

#[test]
fn one_folder_has_a_role_and_the_others_go_by_path() {
    // A declaration beats a name, on both sides.
    check(
        Case { source: &["Sent", "Alt|\\Sent"], target: &["Sent", "Elküldött|\\Sent"], ..Case::default() },
        &["Alt = Elküldött", "Sent = Sent"],
    );
    // Dovecot declares both, where both are there.
    check(
        Case {
            source: &["Sent Messages|\\Sent", "Sent|\\Sent"],
            target: &["Sent|\\Sent", "Sent Messages|\\Sent"],
            ..Case::default()
        },
        &["Sent = Sent", "Sent Messages = Sent Messages"],
    );
    // Neither is declared: equal paths first, then the plain name.
    check(
        Case { source: &["Gesendet", "Sent Items"], target: &["Sent Items", "Sent"], ..Case::default() },
        &["Gesendet + Gesendet", "Sent Items = Sent Items"],
    );
    check(
        Case { source: &["Gesendet", "Sent"], target: &["Sent Items"], ..Case::default() },
        &["Gesendet + Gesendet", "Sent = Sent Items"],
    );
    // The folder of that role is taken by another one's role.
    check(
        Case { source: &["Gesendet|\\Sent", "Sent"], target: &["Sent|\\Sent"], ..Case::default() },
        &["Gesendet = Sent", "Sent + Sent (2)", "- Sent renamed"],
    );
    // Not every folder of that name is for that.
    check(
        Case { source: &["Work/Gesendet"], target: &["Sent"], ..Case::default() },
        &["Work/Gesendet + Work/Gesendet"],
    );
}

#[test]
fn a_role_goes_to_a_new_folder_only_if_the_target_has_none_of_it() {
    check(
        Case { source: &["Gesendet", "Sent Items", "Wichtig|\\Important"], ..Case::default() },
        &["Gesendet + Gesendet \\Sent", "Sent Items + Sent Items", "Wichtig + Wichtig \\Important"],
    );
    check(
        Case { source: &["Gesendet"], target: &["Sent"], ledger: &[("Gesendet", "g")], ..Case::default() },
        &["Gesendet + g"],
    );
    check(Case { source: &["Gesendet"], ledger: &[("Gesendet", "g")], ..Case::default() }, &["Gesendet + g \\Sent"]);
}

#[test]
fn children_go_with_their_parent() {
    check(
        Case { source: &["Gesendet", "Gesendet/2020/x"], target: &["Sent"], ..Case::default() },
        &["Gesendet = Sent", "Gesendet/2020/x + Sent/2020/x"],
    );
    // Gmail lets nobody make folders below its own ones.
    let ledgers: [&[(&str, &str)]; 2] = [&[], &[("Gesendet", "[Gmail]/Sent Mail")]];
    for ledger in ledgers {
        check(
            Case {
                source: &["Gesendet", "Gesendet/2020"],
                target: &["[Gmail]|noselect", "[Gmail]/Sent Mail|\\Sent"],
                ledger,
                ..Case::default()
            },
            &["Gesendet = [Gmail]/Sent Mail", "Gesendet/2020 + Gesendet/2020"],
        );
    }
}

#[test]
fn letter_case() {
    let limits = Limits { case_insensitive_folders: true, ..Limits::default() };
    check(
        Case {
            source: &["FOO", "Foo", "Foo/x", "foo", "foo/X", "work"],
            target: &["foo", "WORK|noselect"],
            limits: limits.clone(),
            ..Case::default()
        },
        &[
            "FOO + FOO (2)",
            "Foo + Foo (3)",
            "Foo/x + Foo (3)/x",
            "foo = foo",
            "foo/X + foo/X",
            "work + WORK",
            "- FOO renamed",
            "- Foo renamed",
        ],
    );
    check(Case { source: &["ÄRGER"], target: &["ärger"], limits, ..Case::default() }, &["ÄRGER = ärger"]);
}

#[test]
fn names_that_the_target_cannot_take() {
    let limits = Limits { forbidden_in_names: vec!['.', '/'], ..Limits::default() };
    check(
        Case {
            source: &["a.b", "a.b/c.d", "a.b/e", "a_b", "there.is", r"x\/y", " b "],
            target: &["there.is"],
            limits,
            ..Case::default()
        },
        &[
            " b  +  b ",
            "a.b + a_b (2)",
            "a.b/c.d + a_b (2)/c_d",
            "a.b/e + a_b (2)/e",
            "a_b + a_b",
            "there.is = there.is",
            r"x\/y + x_y",
            "- a.b renamed",
            "- a.b/c.d renamed",
            r"- x\/y renamed",
        ],
    );
    let (long, short) = ("n".repeat(300), "n".repeat(255));
    let expect = format!("{long} + {short}");
    check(Case { source: &[&long], ..Case::default() }, &[&expect, &format!("- {long} renamed")]);
}

#[test]
fn an_inbox_without_folders_below() {
    let limits = Limits { flat_inbox: true, ..Limits::default() };
    check(
        Case {
            source: &["INBOX", "INBOX/Sub", "INBOX/Sub/x", "INBOX/a", "INBOX/a/y", "INBOX/INBOX", "a"],
            target: &["INBOX", "a"],
            limits,
            ..Case::default()
        },
        &[
            "INBOX = INBOX",
            "INBOX/INBOX + INBOX_INBOX",
            "INBOX/Sub + Sub",
            "INBOX/Sub/x + Sub/x",
            "INBOX/a + INBOX_a",
            "INBOX/a/y + INBOX_a/y",
            "a = a",
            "- INBOX/INBOX renamed",
            "- INBOX/Sub renamed",
            "- INBOX/a renamed",
        ],
    );
}

#[test]
fn folders_or_messages() {
    let limits = Limits { folders_or_messages: true, ..Limits::default() };
    check(
        Case {
            source: &["INBOX|1", "INBOX/s", "a|5", "a/b|1", "c|0", "c/d|1", "e|0", "f", "f/g", "t", "t/u"],
            target: &["INBOX", "t"],
            limits: limits.clone(),
            ..Case::default()
        },
        &[
            "INBOX = INBOX",
            "INBOX/s + s",
            "a + a/Messages",
            "a/b + a/b",
            "c/d + c/d",
            "e + e",
            "f + f/Messages",
            "f/g + f/g",
            "t = t",
            "t/u + t_u",
            "- INBOX/s renamed",
            "- a renamed",
            "- c parent-only",
            "- f renamed",
            "- t/u renamed",
        ],
    );
    check(
        Case {
            source: &["a|5", "a/b|1", "a/new|1", "k|1", "k/l|1"],
            target: &["a|noselect", "a/Messages", "a/b", "k"],
            ledger: &[("a", "a/Messages"), ("a/b", "a/b"), ("k", "k")],
            limits,
            ..Case::default()
        },
        &["a = a/Messages", "a/b = a/b", "a/new + a/new", "k = k", "k/l + k_l", "- k/l renamed"],
    );
}

#[test]
fn a_view_of_the_target_takes_no_mail() {
    check(
        Case { source: &["Archive"], target: &["Archive|\\All"], ..Case::default() },
        &["Archive + Archive (2) \\Archive", "- Archive renamed"],
    );
    check(
        Case { source: &["All|\\All"], target: &["All|\\All"], include_views: true, ..Case::default() },
        &["All = All"],
    );
}

#[test]
fn subscriptions_are_set_where_they_differ() {
    check(
        Case {
            source: &["a|subscribed", "b|subscribed", "c", "d", "e|subscribed"],
            target: &["a|subscribed", "b", "c|subscribed", "d"],
            ..Case::default()
        },
        &["a = a", "b = b subscribe", "c = c unsubscribe", "d = d", "e + e subscribe"],
    );
    check(Case { source: &["a", "b"], target: &["a|subscribed"], ..Case::default() }, &["a = a", "b + b"]);
}

#[test]
fn a_path_listed_twice_comes_over_once() {
    check(Case { source: &["INBOX", "inbox"], ..Case::default() }, &["INBOX + INBOX", "- INBOX duplicate"]);
}

#[test]
fn gone_folders() {
    check(
        Case { source: &["a|noselect", "a/b"], ledger: &[("z", "z"), ("a", "a"), ("a/b", "a/b")], ..Case::default() },
        &["a/b + a/b", "gone a", "gone z"],
    );
}

#[test]
fn both_names_are_in_the_note() {
    let limits = Limits { forbidden_in_names: vec!['.'], ..Limits::default() };
    let plan = Case { source: &["v1.2"], limits, ..Case::default() }.plan();
    assert_eq!(plan.notes[0].reason, "it goes to v1_2 instead of v1.2: the target takes no '.' in a name");
}
