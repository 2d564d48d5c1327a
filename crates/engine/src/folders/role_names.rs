//! What mail programs and servers call the folders for sent mail, drafts, trash, junk and archive.
//!
//! Used only where no server says what a folder is for (SPECIAL-USE, RFC 6154). Left out on purpose:
//!
//! - names that mean one thing here and another there (`垃圾箱` is trash or junk; `Søppel` likewise), and the outbox,
//!   which is not sent mail (`Исходящие`, `Postausgang`);
//! - words that people give folders of their own (`Werbung`, `Bin`): what goes to trash or junk by mistake may be
//!   cleared away there after some days.

use std::collections::HashMap;
use std::sync::LazyLock;

use limosa_model::folder::{FolderPath, Role};
use unicode_normalization::UnicodeNormalization;

/// Per role: the language, then its names. The very first name is the plain one.
type RoleNames = (Role, &'static [(&'static str, &'static [&'static str])]);

const NAMES: [RoleNames; 5] = [
    (
        Role::Sent,
        &[
            // Horde, Pine and KMail say "sent-mail", Apple "Sent Messages", Exchange and GroupWise "Sent Items", OX "Sent Objects".
            ("en", &["Sent", "Sent Items", "Sent Mail", "Sent Messages", "Sent Objects", "SentMail", "SentItems"]),
            ("ar", &["العناصر المرسلة", "البريد المرسل", "المرسلة", "الرسائل المرسلة"]),
            ("bg", &["Изпратени", "Изпратени елементи", "Изпратена поща"]),
            ("ca", &["Enviats", "Elements enviats", "Correu enviat", "Missatges enviats"]),
            ("cs", &["Odeslané", "Odeslaná pošta", "Odeslané zprávy", "Odeslané položky"]),
            ("da", &["Sendt", "Sendt post", "Sendt mail", "Sendte elementer"]),
            (
                "de",
                &[
                    "Gesendet",
                    "Gesendete",
                    "Gesendete Elemente",
                    "Gesendete Objekte",
                    "Gesendete Nachrichten",
                    "Gesendete Mails",
                    "Gesendete E-Mails",
                    "Versandte Nachrichten",
                ],
            ),
            ("el", &["Απεσταλμένα", "Απεσταλμένα στοιχεία", "Απεσταλμένα μηνύματα", "Σταλμένα"]),
            ("es", &["Enviados", "Elementos enviados", "Correo enviado", "Mensajes enviados"]),
            ("et", &["Saadetud", "Saadetud üksused", "Saadetud kirjad"]),
            ("eu", &["Bidalitakoak", "Bidalita"]),
            ("fi", &["Lähetetyt", "Lähetetyt viestit", "Lähetetyt kohteet"]),
            ("fr", &["Envoyés", "Éléments envoyés", "Messages envoyés", "Objets envoyés", "Courrier envoyé"]),
            ("gl", &["Enviadas", "Correo enviado", "Elementos enviados"]),
            ("he", &["פריטים שנשלחו", "דואר שנשלח", "נשלח", "נשלחו"]),
            ("hr", &["Poslano", "Poslane stavke", "Poslana pošta", "Poslane poruke"]),
            ("hu", &["Elküldött", "Elküldött elemek", "Elküldött üzenetek", "Elküldött levelek", "Küldöttek"]),
            ("id", &["Terkirim", "Item Terkirim", "Pesan Terkirim"]),
            ("it", &["Inviata", "Inviati", "Posta inviata", "Elementi inviati", "Messaggi inviati"]),
            ("ja", &["送信済み", "送信済みアイテム", "送信済みメール", "送信済みトレイ", "送信済みメッセージ"]),
            ("ko", &["보낸 편지함", "보낸편지함", "보낸 메일함", "보낸메일함"]),
            ("lt", &["Išsiųsta", "Išsiųsti", "Išsiųsti laiškai", "Išsiųsti elementai", "Nusiųsti elementai"]),
            ("lv", &["Nosūtītie", "Nosūtītās vienības", "Nosūtītie vienumi", "Nosūtītās vēstules"]),
            ("nb", &["Sendt", "Sendte", "Sendte elementer", "Sendt e-post"]),
            ("nl", &["Verzonden", "Verzonden items", "Verzonden berichten", "Verzonden e-mail"]),
            ("pl", &["Wysłane", "Elementy wysłane", "Wiadomości wysłane"]),
            ("pt", &["Enviados", "Enviadas", "Enviado", "Itens enviados", "Mensagens enviadas", "Correio enviado"]),
            ("ro", &["Trimise", "Elemente trimise", "Mesaje trimise"]),
            ("ru", &["Отправленные", "Отправленные элементы", "Отправленные письма", "Отправленные сообщения"]),
            ("sk", &["Odoslané", "Odoslaná pošta", "Odoslané položky", "Odoslané správy"]),
            ("sl", &["Poslano", "Poslani elementi", "Poslana pošta", "Poslana sporočila"]),
            ("sr", &["Послато", "Послате", "Послате ставке", "Poslato", "Poslate", "Poslate stavke"]),
            ("sv", &["Skickat", "Skickade", "Skickade objekt", "Skickade meddelanden"]),
            ("th", &["รายการที่ส่ง", "รายการที่ถูกส่ง", "จดหมายที่ส่งแล้ว", "ส่งแล้ว"]),
            ("tr", &["Gönderilmiş", "Gönderilmiş Öğeler", "Gönderilenler", "Gönderilmiş Postalar", "Gönderilen"]),
            ("uk", &["Надіслані", "Надіслані елементи", "Надіслані листи", "Відправлені"]),
            ("vi", &["Đã gửi", "Thư đã gửi", "Mục đã gửi"]),
            (
                "zh",
                &[
                    "已发送",
                    "已发送邮件",
                    "已发邮件",
                    "已发送消息",
                    "寄件備份",
                    "已傳送郵件",
                    "已傳送的郵件",
                    "寄件備份匣",
                ],
            ),
        ],
    ),
    (
        Role::Drafts,
        &[
            // "postponed" is mutt's, "postponed-msgs" Pine's, "Work in Progress" GroupWise's.
            ("en", &["Drafts", "Draft", "Draft Messages", "Postponed", "postponed-msgs", "Work in Progress"]),
            ("ar", &["المسودات", "مسودات"]),
            ("bg", &["Чернови"]),
            ("ca", &["Esborranys"]),
            ("cs", &["Koncepty", "Rozepsané", "Rozepsané zprávy"]),
            ("da", &["Kladder", "Kladde", "Udkast"]),
            ("de", &["Entwürfe", "Entwurf", "Entwuerfe"]),
            ("el", &["Πρόχειρα", "Πρόχειρο"]),
            ("es", &["Borradores", "Borrador"]),
            ("et", &["Mustandid"]),
            ("eu", &["Zirriborroak"]),
            ("fi", &["Luonnokset"]),
            ("fr", &["Brouillons", "Brouillon"]),
            ("gl", &["Borradores", "Rascuños"]),
            ("he", &["טיוטות"]),
            ("hr", &["Skice", "Nacrti"]),
            ("hu", &["Piszkozatok", "Piszkozat"]),
            ("id", &["Draf", "Konsep"]),
            ("it", &["Bozze", "Bozza"]),
            ("ja", &["下書き"]),
            ("ko", &["임시 보관함", "임시보관함"]),
            ("lt", &["Juodraščiai"]),
            ("lv", &["Melnraksti"]),
            ("nb", &["Utkast", "Kladd", "Kladder"]),
            ("nl", &["Concepten", "Concept"]),
            ("pl", &["Wersje robocze", "Kopie robocze", "Robocze", "Szkice"]),
            ("pt", &["Rascunhos", "Rascunho"]),
            ("ro", &["Ciorne", "Schițe", "Schiţe"]),
            ("ru", &["Черновики"]),
            ("sk", &["Koncepty", "Rozpísané"]),
            ("sl", &["Osnutki"]),
            ("sr", &["Нацрти", "Недовршене", "Nedovršene"]),
            ("sv", &["Utkast"]),
            ("th", &["แบบร่าง", "ร่าง", "จดหมายร่าง"]),
            ("tr", &["Taslaklar", "Taslak"]),
            ("uk", &["Чернетки"]),
            ("vi", &["Thư nháp", "Bản nháp"]),
            ("zh", &["草稿", "草稿箱", "草稿匣", "草稿夹"]),
        ],
    ),
    (
        Role::Trash,
        &[
            (
                "en",
                &[
                    "Trash",
                    "Deleted Items",
                    "Deleted Messages",
                    "Deleted",
                    "Deleted Mail",
                    "DeletedItems",
                    "Wastebasket",
                ],
            ),
            ("ar", &["العناصر المحذوفة", "المهملات", "سلة المهملات", "المحذوفة"]),
            ("bg", &["Кошче", "Изтрити", "Изтрити елементи"]),
            ("ca", &["Paperera", "Elements suprimits"]),
            ("cs", &["Koš", "Odstraněná pošta", "Odstraněné", "Odstraněné položky", "Smazané"]),
            ("da", &["Papirkurv", "Slettet post", "Slettede elementer", "Slettede"]),
            (
                "de",
                &[
                    "Papierkorb",
                    "Gelöscht",
                    "Gelöschte Elemente",
                    "Gelöschte Objekte",
                    "Gelöschte Nachrichten",
                    "Gelöschte Mails",
                    "Geloeschte Elemente",
                    "Geloeschte Objekte",
                ],
            ),
            ("el", &["Κάδος", "Κάδος απορριμμάτων", "Διαγραμμένα", "Διαγραμμένα στοιχεία", "Απορρίμματα"]),
            ("es", &["Papelera", "Elementos eliminados", "Eliminados", "Mensajes eliminados", "Papelera de reciclaje"]),
            ("et", &["Prügikast", "Kustutatud", "Kustutatud üksused"]),
            ("eu", &["Zakarrontzia"]),
            ("fi", &["Roskakori", "Poistetut", "Poistetut kohteet"]),
            ("fr", &["Corbeille", "Éléments supprimés", "Messages supprimés"]),
            ("gl", &["Lixo", "Papeleira"]),
            ("he", &["פריטים שנמחקו", "אשפה", "נמחקו"]),
            ("hr", &["Smeće", "Izbrisano", "Izbrisane stavke"]),
            ("hu", &["Kuka", "Lomtár", "Törölt", "Törölt elemek"]),
            ("id", &["Sampah", "Item Dihapus", "Tong Sampah"]),
            ("it", &["Cestino", "Posta eliminata", "Elementi eliminati", "Eliminata"]),
            ("ja", &["ゴミ箱", "ごみ箱", "削除済みアイテム", "削除済みメール"]),
            ("ko", &["휴지통", "지운 편지함", "지운편지함"]),
            ("lt", &["Šiukšliadėžė", "Šiukšlinė", "Panaikinti elementai", "Ištrinti elementai"]),
            ("lv", &["Atkritne", "Miskaste", "Dzēstās vienības", "Dzēstie vienumi"]),
            ("nb", &["Papirkurv", "Slettede elementer", "Slettet"]),
            ("nl", &["Prullenbak", "Prullenmand", "Verwijderde items", "Verwijderd", "Verwijderde berichten"]),
            ("pl", &["Kosz", "Elementy usunięte", "Usunięte"]),
            ("pt", &["Lixeira", "Lixo", "Itens excluídos", "Itens eliminados", "Reciclagem"]),
            ("ro", &["Coș de gunoi", "Coş de gunoi", "Coș", "Elemente șterse", "Elemente şterse", "Gunoi"]),
            ("ru", &["Корзина", "Удаленные", "Удалённые", "Удаленные элементы", "Удалённые письма"]),
            ("sk", &["Kôš", "Odstránená pošta", "Odstránené položky", "Vymazané"]),
            ("sl", &["Koš", "Smeti", "Izbrisano", "Izbrisani elementi"]),
            ("sr", &["Смеће", "Обрисане ставке", "Obrisane stavke"]),
            ("sv", &["Papperskorgen", "Papperskorg", "Borttaget", "Borttagna objekt"]),
            ("th", &["ถังขยะ", "รายการที่ถูกลบ", "รายการที่ลบ"]),
            ("tr", &["Çöp Kutusu", "Çöp", "Silinmiş Öğeler", "Silinmiş", "Silinenler"]),
            ("uk", &["Кошик", "Смітник", "Видалені", "Видалені елементи"]),
            ("vi", &["Thùng rác", "Mục đã xóa", "Mục đã xoá"]),
            ("zh", &["已删除", "已删除邮件", "废件箱", "回收站", "刪除的郵件", "已刪除的郵件", "垃圾桶"]),
        ],
    ),
    (
        Role::Junk,
        &[
            // "Bulk Mail" is Yahoo's.
            (
                "en",
                &[
                    "Junk",
                    "Spam",
                    "Junk Mail",
                    "Junk Email",
                    "Junk E-mail",
                    "Bulk Mail",
                    "JunkEmail",
                    "Spam Mail",
                    "Spambox",
                ],
            ),
            (
                "ar",
                &["البريد غير الهام", "البريد الإلكتروني غير الهام", "بريد مزعج", "البريد العشوائي", "البريد المزعج"],
            ),
            ("bg", &["Нежелана поща", "Спам"]),
            ("ca", &["Correu brossa", "Brossa"]),
            ("cs", &["Nevyžádaná pošta", "Nevyžádané", "Hromadné"]),
            ("da", &["Uønsket mail", "Uønsket post", "Uønsket e-mail", "Uønsket"]),
            ("de", &["Spamverdacht", "Junk-E-Mails", "Unerwünscht", "Unerwünschte Werbung", "Unerwünschte E-Mails"]),
            ("el", &["Ανεπιθύμητη αλληλογραφία", "Ανεπιθύμητα", "Ανεπιθύμητη"]),
            ("es", &["Correo no deseado", "Correo basura", "No deseado", "Correo electrónico no deseado"]),
            ("et", &["Rämpspost"]),
            ("eu", &["Zabor-posta", "Zaborra"]),
            ("fi", &["Roskaposti", "Roskapostit"]),
            ("fr", &["Courrier indésirable", "Indésirables", "Indésirable", "Pourriel", "Pourriels"]),
            ("gl", &["Correo lixo", "Correo non desexado"]),
            ("he", &["דואר זבל", "דואר אלקטרוני זבל", "ספאם"]),
            ("hr", &["Neželjena pošta", "Bezvrijedna pošta", "Bezvrijedna e-pošta"]),
            ("hu", &["Levélszemét", "Kéretlen", "Kéretlen levelek", "Kéretlen levél"]),
            ("id", &["Email Sampah", "Surel Sampah", "Email Spam"]),
            ("it", &["Posta indesiderata", "Indesiderata"]),
            ("ja", &["迷惑メール", "迷惑メールトレイ"]),
            ("ko", &["정크 메일", "정크메일", "스팸함", "스팸 메일함", "스팸메일함", "스팸편지함"]),
            ("lt", &["Šlamštas", "Brukalas", "Nepageidaujamas paštas", "Nepageidaujami laiškai"]),
            ("lv", &["Mēstules", "Nevēlamais e-pasts", "Surogātpasts"]),
            ("nb", &["Søppelpost", "Søppel-e-post", "Uønsket e-post"]),
            ("nl", &["Ongewenst", "Ongewenste e-mail", "Ongewenste reclame", "Ongewenste berichten"]),
            ("pl", &["Wiadomości-śmieci", "Niechciane", "Niechciana poczta"]),
            (
                "pt",
                &[
                    "Lixo eletrônico",
                    "Lixo eletrónico",
                    "Lixo electrónico",
                    "Correio não solicitado",
                    "Correio eletrónico não solicitado",
                ],
            ),
            ("ro", &["E-mail nedorit", "Mesaje nedorite", "Nedorite", "Poștă nedorită"]),
            ("ru", &["Нежелательная почта", "Спам", "Нежелательные"]),
            ("sk", &["Nevyžiadaná pošta", "Nevyžiadané"]),
            ("sl", &["Neželena pošta", "Vsiljena pošta", "Neželena e-pošta"]),
            ("sr", &["Нежељена пошта", "Neželjena pošta", "Непожељна пошта"]),
            ("sv", &["Skräppost", "Skräp", "Skräp-e-post"]),
            ("th", &["อีเมลขยะ", "จดหมายขยะ"]),
            ("tr", &["Önemsiz", "Önemsiz E-posta", "İstenmeyen", "İstenmeyen Posta", "İstenmeyen E-posta", "Gereksiz"]),
            ("uk", &["Небажана пошта", "Небажані", "Спам"]),
            ("vi", &["Thư rác", "Email rác", "Thư rác (spam)"]),
            ("zh", &["垃圾邮件", "垃圾郵件", "垃圾信件匣", "广告邮件"]),
        ],
    ),
    (
        Role::Archive,
        &[
            ("en", &["Archive", "Archives", "Archived", "Archived Messages"]),
            ("ar", &["أرشيف", "الأرشيف"]),
            ("bg", &["Архив"]),
            ("ca", &["Arxiu", "Arxiva"]),
            ("cs", &["Archiv", "Archivy"]),
            ("da", &["Arkiv", "Arkiver"]),
            ("de", &["Archiv"]),
            ("el", &["Αρχειοθήκη", "Αρχείο"]),
            ("es", &["Archivo", "Archivar", "Archivados"]),
            ("et", &["Arhiiv"]),
            ("eu", &["Artxiboa"]),
            ("fi", &["Arkisto", "Arkistoi"]),
            ("fr", &["Archives", "Archive"]),
            ("gl", &["Arquivo"]),
            ("he", &["ארכיון", "העבר לארכיון"]),
            ("hr", &["Arhiva", "Arhiv"]),
            ("hu", &["Archívum", "Archiválás"]),
            ("id", &["Arsip"]),
            ("it", &["Archivio", "Archivia"]),
            ("ja", &["アーカイブ"]),
            ("ko", &["보관", "보관 메일함"]),
            ("lt", &["Archyvas", "Archyvai"]),
            ("lv", &["Arhīvs"]),
            ("nb", &["Arkiv"]),
            ("nl", &["Archief"]),
            ("pl", &["Archiwum", "Archiwa"]),
            ("pt", &["Arquivo", "Arquivo Morto", "Arquivos"]),
            ("ro", &["Arhivă", "Arhiva"]),
            ("ru", &["Архив"]),
            ("sk", &["Archív"]),
            ("sl", &["Arhiv"]),
            ("sr", &["Архива", "Arhiva"]),
            ("sv", &["Arkiv"]),
            ("th", &["ที่เก็บถาวร"]),
            ("tr", &["Arşiv"]),
            ("uk", &["Архів"]),
            ("vi", &["Lưu trữ"]),
            ("zh", &["存档", "归档", "封存", "典藏"]),
        ],
    ),
];

static BY_NAME: LazyLock<HashMap<String, Role>> = LazyLock::new(|| {
    let all = NAMES.iter().flat_map(|(role, languages)| languages.iter().map(move |(_, names)| (*role, *names)));
    all.flat_map(|(role, names)| names.iter().map(move |name| (fold(name), role))).collect()
});

/// The role that a folder's name tells. Only at the top, directly below the inbox (where Courier, Cyrus and old Dovecots
/// have all folders) or below Gmail's folder of system folders: deeper down, `Sent` is a folder of somebody's own.
pub(super) fn role_by_name(path: &FolderPath) -> Option<Role> {
    match path.names() {
        [name] => BY_NAME.get(&fold(name)).copied(),
        [parent, name] if ["INBOX", "[Gmail]", "[Google Mail]"].contains(&parent.as_str()) => {
            BY_NAME.get(&fold(name)).copied()
        }
        _ => None,
    }
}

/// Whether this is the plain English name for that role: `Sent`, `Drafts`, `Trash`, `Junk`, `Archive`.
pub(super) fn is_plain(role: Role, name: &str) -> bool {
    let plain = NAMES.iter().find(|(of, _)| *of == role).and_then(|(_, languages)| languages.first()?.1.first());
    plain.is_some_and(|plain| fold(plain) == fold(name))
}

/// One spelling for what is meant alike: letter case, hyphens, underscores and blanks are of no matter.
pub(super) fn fold(name: &str) -> String {
    // The small form of Turkish `İ` is `i` with a combining dot, which nobody types.
    let small: String = name.nfc().collect::<String>().to_lowercase().chars().filter(|c| *c != '\u{307}').collect();
    let words = small.split(|c: char| c.is_whitespace() || c == '-' || c == '_').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").nfc().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[track_caller]
    fn check(path: &str, expect: Option<Role>) {
        assert_eq!(role_by_name(&FolderPath::from(path)), expect, "{path}");
    }

    #[test]
    fn names_of_programs_and_servers() {
        for (path, role) in [
            ("Sent", Role::Sent),
            ("sent-mail", Role::Sent),
            ("SENT ITEMS", Role::Sent),
            ("INBOX/Sent Messages", Role::Sent),
            ("Gesendete Objekte", Role::Sent),
            ("éléments envoyés", Role::Sent),
            ("E\u{301}le\u{301}ments envoye\u{301}s", Role::Sent),
            ("ОТПРАВЛЕННЫЕ", Role::Sent),
            ("[Gmail]/Sent Mail", Role::Sent),
            ("postponed-msgs", Role::Drafts),
            ("ENTWÜRFE", Role::Drafts),
            ("Deleted Items", Role::Trash),
            ("ΚΆΔΟΣ", Role::Trash),
            ("[Google Mail]/Papierkorb", Role::Trash),
            ("Junk E-Mail", Role::Junk),
            ("junk e-mail", Role::Junk),
            ("Bulk Mail", Role::Junk),
            ("İSTENMEYEN POSTA", Role::Junk),
            ("istenmeyen posta", Role::Junk),
            ("迷惑メール", Role::Junk),
            ("INBOX/Archiv", Role::Archive),
        ] {
            check(path, Some(role));
        }
    }

    #[test]
    fn what_is_no_role() {
        for path in [
            "INBOX",
            "Work/Sent",
            "INBOX/a/Sent",
            "Sent 2020",
            "Outbox",
            "Исходящие",
            "Postausgang",
            "Bin",
            "",
            "-",
            "sent/x",
        ] {
            check(path, None);
        }
    }

    #[test]
    fn no_name_has_two_roles() {
        let mut seen: HashMap<String, Role> = HashMap::new();
        for (role, languages) in NAMES {
            for name in languages.iter().flat_map(|(_, names)| names.iter()) {
                assert_eq!(*seen.entry(fold(name)).or_insert(role), role, "{name}");
            }
        }
    }

    #[test]
    fn each_role_has_names_in_more_than_twenty_languages() {
        for (role, languages) in NAMES {
            let distinct: HashSet<_> = languages.iter().map(|(language, _)| language).collect();
            assert!(distinct.len() > 20 && distinct.len() == languages.len(), "{role:?}");
            assert!(languages.iter().all(|(_, names)| !names.is_empty()), "{role:?}");
        }
    }
}
