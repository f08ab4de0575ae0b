//! The single-byte encodings that mojibake comes from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A single-byte encoding whose lower half is ASCII.
pub(in crate::text) struct Charmap {
    /// Characters of the bytes 0x80 to 0xFF, in order. Unassigned bytes stand for the C1 control of the same number.
    high: &'static str,
    /// Byte 0x1A stands for U+FFFD, the trace of a byte that an earlier decoder could not read.
    pub(super) lossy: bool,
    /// A space may be a damaged no-break space (0xA0). Not so in Mac Roman, where that would hit `– `.
    pub(super) restores_space: bool,
}

/// Byte 0x1A, "substitute".
pub(super) const SUBSTITUTE: u8 = 0x1a;

impl Charmap {
    const fn windows(high: &'static str) -> Self {
        Self { high, lossy: true, restores_space: true }
    }

    /// The character of one byte.
    pub(in crate::text) fn decode(&self, byte: u8) -> char {
        match byte {
            0..=0x7f => char::from(byte),
            // Every table has 128 characters (a test holds it).
            _ => self.high.chars().nth(usize::from(byte) - 0x80).unwrap_or(char::REPLACEMENT_CHARACTER),
        }
    }

    /// The characters of the bytes `first` to `last`.
    pub(super) fn characters(&self, first: u8, last: u8) -> impl Iterator<Item = char> {
        (first..=last).map(|byte| self.decode(byte))
    }
}

/// ISO 8859-1.
pub(super) const LATIN_1: Charmap = Charmap {
    high: "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\
     \u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿\
     ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß\
     àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ",
    lossy: false,
    restores_space: true,
};

/// Western European.
pub(in crate::text) const WINDOWS_1252: Charmap = Charmap::windows(
    "€\u{81}\u{201a}ƒ\u{201e}…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}\u{2018}\u{2019}\u{201c}\u{201d}•\u{2013}\u{2014}˜™š›œ\u{9d}žŸ\
     \u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿\
     ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß\
     àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ",
);

/// Cyrillic.
const WINDOWS_1251: Charmap = Charmap::windows(
    "ЂЃ\u{201a}ѓ\u{201e}…†‡€‰Љ‹ЊЌЋЏђ\u{2018}\u{2019}\u{201c}\u{201d}•\u{2013}\u{2014}\u{98}™љ›њќћџ\
     \u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕї\
     АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ\
     абвгдежзийклмнопрстуфхцчшщъыьэюя",
);

/// Central European.
const WINDOWS_1250: Charmap = Charmap::windows(
    "€\u{81}\u{201a}\u{83}\u{201e}…†‡\u{88}‰Š‹ŚŤŽŹ\u{90}\u{2018}\u{2019}\u{201c}\u{201d}•\u{2013}\u{2014}\u{98}™š›śťžź\
     \u{a0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{ad}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż\
     ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
     ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙",
);

/// Greek.
const WINDOWS_1253: Charmap = Charmap::windows(
    "€\u{81}\u{201a}ƒ\u{201e}…†‡\u{88}‰\u{8a}‹\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{2018}\u{2019}\u{201c}\u{201d}•\u{2013}\u{2014}\u{98}™\u{9a}›\u{9c}\u{9d}\u{9e}\u{9f}\
     \u{a0}΅Ά£¤¥¦§¨©ª«¬\u{ad}®\u{2015}°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ\
     ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧΨΩΪΫάέήί\
     ΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ",
);

/// Turkish.
const WINDOWS_1254: Charmap = Charmap::windows(
    "€\u{81}\u{201a}ƒ\u{201e}…†‡ˆ‰Š‹Œ\u{8d}\u{8e}\u{8f}\u{90}\u{2018}\u{2019}\u{201c}\u{201d}•\u{2013}\u{2014}˜™š›œ\u{9d}\u{9e}Ÿ\
     \u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿\
     ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞß\
     àáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ",
);

/// Baltic.
const WINDOWS_1257: Charmap = Charmap::windows(
    "€\u{81}\u{201a}\u{83}\u{201e}…†‡\u{88}‰\u{8a}‹\u{8c}¨ˇ¸\u{90}\u{2018}\u{2019}\u{201c}\u{201d}•\u{2013}\u{2014}\u{98}™\u{9a}›\u{9c}¯˛\u{9f}\
     \u{a0}¡¢£¤¥¦§Ø©Ŗ«¬\u{ad}®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ\
     ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽß\
     ąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙",
);

/// Latin-2.
const ISO_8859_2: Charmap = Charmap {
    high: "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\
     \u{a0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{ad}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žż\
     ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
     ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙",
    lossy: false,
    restores_space: true,
};

/// Mac OS Roman.
const MAC_ROMAN: Charmap = Charmap {
    high: "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü\
     †°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
     ¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ\u{2013}\u{2014}\u{201c}\u{201d}\u{2018}\u{2019}÷◊ÿŸ⁄€‹›ﬁﬂ\
     ‡·\u{201a}\u{201e}‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ",
    lossy: false,
    restores_space: false,
};

/// The first PC's, with line drawing.
const CODE_PAGE_437: Charmap = Charmap {
    high: "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
     áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
     └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
    lossy: false,
    restores_space: true,
};

/// In the order in which they are tried; the first is Latin-1.
pub(super) static CHARMAPS: [Charmap; 10] = [
    LATIN_1,
    WINDOWS_1252,
    WINDOWS_1251,
    WINDOWS_1250,
    WINDOWS_1253,
    WINDOWS_1254,
    WINDOWS_1257,
    ISO_8859_2,
    MAC_ROMAN,
    CODE_PAGE_437,
];

/// How many of [`CHARMAPS`] look like Latin-1: the letters of UTF-8's lead and continuation bytes are taken from these.
pub(super) const LATIN_LIKE: usize = 7;

/// For each non-ASCII character the byte that stands for it in each of [`CHARMAPS`]; 0 where none does.
static BYTES: LazyLock<BTreeMap<char, [u8; CHARMAPS.len()]>> = LazyLock::new(|| {
    let mut bytes: BTreeMap<char, [u8; CHARMAPS.len()]> = BTreeMap::new();
    for (index, charmap) in CHARMAPS.iter().enumerate() {
        for byte in 0x80..=0xff {
            bytes.entry(charmap.decode(byte)).or_default()[index] = byte;
        }
        if charmap.lossy {
            bytes.entry(char::REPLACEMENT_CHARACTER).or_default()[index] = SUBSTITUTE;
        }
    }
    bytes
});

/// `text` in the encoding `CHARMAPS[index]`; nothing if a character is not in it.
pub(super) fn encode(text: &str, index: usize) -> Option<Vec<u8>> {
    let lossy = CHARMAPS[index].lossy;
    text.chars()
        .map(|c| match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() => (byte != SUBSTITUTE || !lossy).then_some(byte),
            _ => BYTES.get(&c).map(|bytes| bytes[index]).filter(|byte| *byte != 0),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character_of_its_own() {
        for charmap in &CHARMAPS {
            assert_eq!(charmap.high.chars().count(), 128);
            let characters: std::collections::BTreeSet<char> = charmap.high.chars().collect();
            assert_eq!(characters.len(), 128);
        }
    }
}
