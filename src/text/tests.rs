use super::*;
use crate::config::{CaptionCleaning, ModelConfig, TextConfig};
use crate::error::Error;
use proptest::prelude::*;
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Deserialize)]
struct TokenizerCase {
    text: String,
    cleaned: String,
    ids: Vec<u32>,
    row32: Option<Vec<i32>>,
    row77: Option<Vec<i32>>,
}

#[derive(Deserialize)]
struct FtfyCase {
    text: String,
    fixed: String,
    cleaned: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct PreTextCase {
    r#in: String,
    out: String,
    out_max4: String,
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn cases<T: for<'a> Deserialize<'a>>(path: &str) -> T {
    serde_json::from_slice(&fixture(path)).unwrap()
}

static CLIP_JSON: LazyLock<String> =
    LazyLock::new(|| Tokenizer::clip_from_merges(&fixture("clip_tokenizer/bpe_simple_vocab_16e6.txt.gz")).unwrap());
static CLIP: LazyLock<Tokenizer> = LazyLock::new(|| clip(32));

fn clip(context: usize) -> Tokenizer {
    Tokenizer::from_json(CLIP_JSON.as_bytes(), "tokenizer.json", CaptionCleaning::Clip, context).unwrap()
}

fn small() -> Tokenizer {
    let words = ["a man", "Dog", "runs", "left-of", "man"].map(String::from);
    let json = word_level_json(&words);
    Tokenizer::from_json(json.as_bytes(), "tokenizer.json", CaptionCleaning::Plain, 8).unwrap()
}

#[test]
fn clip_cleaning_equals_the_reference() {
    let cases: Vec<TokenizerCase> = cases("clip_tokenizer/cases.json");
    assert_eq!(cases.len(), 521);
    for case in cases {
        assert_eq!(clean_clip(&case.text), case.cleaned, "{:?}", case.text);
    }
}

#[test]
fn clip_ids_equal_the_reference() {
    for case in cases::<Vec<TokenizerCase>>("clip_tokenizer/cases.json") {
        assert_eq!(CLIP.encode_ids(&case.text).unwrap(), case.ids, "{:?}", case.text);
    }
}

#[test]
fn clip_rows_equal_the_reference() {
    let (rows_of_32, rows_of_77) = (clip(32), clip(77));
    let mut compared = 0;
    for case in cases::<Vec<TokenizerCase>>("clip_tokenizer/cases.json") {
        for (tokenizer, row) in [(&rows_of_32, &case.row32), (&rows_of_77, &case.row77)] {
            let Some(row) = row else { continue };
            if case.cleaned.is_empty() {
                let error = tokenizer.check(&["a dog", &case.text]).unwrap_err();
                assert!(matches!(error, Error::EmptyCaption { index: 1 }), "{error}");
            }
            assert_eq!(&tokenizer.encode(&[&case.text]).unwrap().ids, row, "{:?}", case.text);
            compared += 1;
        }
    }
    assert!(compared > 100, "only {compared} rows compared");
}

#[test]
fn ftfy_is_equalled_on_damaged_text() {
    let cases: Vec<FtfyCase> = cases("ftfy_extra/cases.json");
    assert!(cases.len() >= 600);
    for case in cases {
        assert_eq!(fix_text(&case.text), case.fixed, "{:?}", case.text);
        assert_eq!(clean_clip(&case.text), case.cleaned, "{:?}", case.text);
        assert_eq!(CLIP.encode_ids(&case.text).unwrap(), case.ids, "{:?}", case.text);
    }
}

#[test]
fn pre_text_equals_the_reference() {
    for case in cases::<Vec<PreTextCase>>("pre_text/cases.json") {
        assert_eq!(pre_text(&case.r#in, None), case.out, "{:?}", case.r#in);
        assert_eq!(pre_text(&case.r#in, Some(4)), case.out_max4, "{:?}", case.r#in);
    }
}

#[derive(Deserialize)]
struct BertCase {
    text: String,
    ids: Vec<u32>,
    row40: Option<Vec<i32>>,
}

/// The text settings of the published InternVideo2.
fn bert_text() -> TextConfig {
    ModelConfig::internvideo2_1b().text
}

#[test]
fn bert_ids_and_rows_equal_the_reference() {
    let vocabulary = fixture("bert_tokenizer/vocab.txt");
    assert!(Tokenizer::is_bert_vocabulary(&vocabulary) && !Tokenizer::is_bert_vocabulary(b"#version\n[ CLS ]\n"));
    let json = Tokenizer::bert_from_vocabulary(&vocabulary).unwrap();
    let tokenizer = Tokenizer::of_model(&json, "tokenizer.json", &bert_text()).unwrap();
    assert_eq!((tokenizer.vocab_size(), tokenizer.end_id()), (30_522, None));
    let cases: Vec<BertCase> = cases("bert_tokenizer/cases.json");
    assert_eq!(cases.len(), 519);
    let mut rows = 0;
    for case in cases {
        assert_eq!(tokenizer.encode_ids(&case.text).unwrap(), case.ids, "{:?}", case.text);
        if let Some(row) = case.row40 {
            assert_eq!(tokenizer.encode(&[&case.text]).unwrap().ids, row, "{:?}", case.text);
            rows += 1;
        }
    }
    assert_eq!(rows, 70);
}

#[test]
fn what_is_no_bert_vocabulary_is_refused() {
    for (bytes, words) in
        [(&b"[CLS]\n[SEP]\na\n"[..], "no [UNK]"), (b"[UNK]\na\n", "no [CLS]"), (&[0xff, 0xfe], "UTF-8")]
    {
        let error = Tokenizer::bert_from_vocabulary(bytes).unwrap_err();
        assert!(error.code() == "corrupt-file" && error.to_string().contains(words), "{error}");
    }
    // A vocabulary with more tokens than the model has rows.
    let json = Tokenizer::bert_from_vocabulary(b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n").unwrap();
    let small = TextConfig { vocab_size: 4, ..bert_text() };
    assert_eq!(Tokenizer::of_model(&json, "x", &small).unwrap_err().code(), "invalid-input");
    assert!(Tokenizer::of_model(&json, "x", &TextConfig { vocab_size: 5, ..bert_text() }).is_ok());
}

#[test]
fn clip_vocabulary_has_the_published_order() {
    let spots: std::collections::BTreeMap<String, u32> = cases("clip_tokenizer/vocab_spot.json");
    let json: serde_json::Value = serde_json::from_str(&CLIP_JSON).unwrap();
    let vocab = &json["model"]["vocab"];
    for (token, id) in spots {
        assert_eq!(vocab[&token].as_u64(), Some(u64::from(id)), "{token}");
    }
    assert_eq!((CLIP.vocab_size(), CLIP.end_id()), (49_408, Some(49_407)));
}

#[test]
fn an_unpacked_merges_file_makes_the_same_tokenizer() {
    use std::io::Read;
    let mut text = Vec::new();
    let packed = fixture("clip_tokenizer/bpe_simple_vocab_16e6.txt.gz");
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut text).unwrap();
    assert_eq!(Tokenizer::clip_from_merges(&text).unwrap(), *CLIP_JSON);
}

#[test]
fn damaged_merges_are_refused() {
    let packed = fixture("clip_tokenizer/bpe_simple_vocab_16e6.txt.gz");
    let refused = |bytes: &[u8]| {
        let error = Tokenizer::clip_from_merges(bytes).unwrap_err();
        assert_eq!(error.code(), "corrupt-file", "{error}");
        error.to_string()
    };
    refused(&packed[..packed.len() / 2]);
    refused(&[0xff, 0xfe, 0xfd]);
    assert!(refused(b"#version\ni n\nt h\n").contains("has 2 merges"));
    let repeated = format!("#version\n{}", "i n\n".repeat(48_894));
    assert!(refused(repeated.as_bytes()).contains("line 3"));
    let unknown = format!("#version\n{}", "zz top\n".repeat(48_894));
    assert!(refused(unknown.as_bytes()).contains("no pair of earlier symbols"));
}

#[test]
fn the_tokenizer_survives_the_library_and_its_json() {
    let parsed: tokenizers::Tokenizer = serde_json::from_str(&CLIP_JSON).unwrap();
    let again = parsed.to_string(false).unwrap();
    let copy = Tokenizer::from_json(again.as_bytes(), "copy", CaptionCleaning::Clip, 32).unwrap();
    let text = "Two men & a dog don't jump over 12 fences — <|endoftext|>";
    assert_eq!(copy.encode_ids(text).unwrap(), CLIP.encode_ids(text).unwrap());
}

#[test]
fn damaged_tokenizer_json_is_refused() {
    let small = word_level_json(&["dog".to_owned()]);
    let read = |json: &str| Tokenizer::from_json(json.as_bytes(), "tokenizer.json", CaptionCleaning::Plain, 8);
    assert_eq!(read("{").unwrap_err().code(), "invalid-json");
    assert_eq!(read("[1, 2]").unwrap_err().code(), "invalid-json");
    assert_eq!(read(&small.replace("WordLevel", "Nothing")).unwrap_err().code(), "invalid-json");
    assert_eq!(read(&small.replace("endoftext", "other")).unwrap_err().code(), "corrupt-file");
    for end in (0..small.len()).step_by(7) {
        assert_eq!(read(&small[..end]).unwrap_err().code(), "invalid-json");
    }
    let odd_decoder = small.replace("\"decoder\":null", "\"decoder\":{\"type\":7}");
    assert_ne!(odd_decoder, small);
    assert_eq!(read(&odd_decoder).unwrap().encode_ids("dog").unwrap(), [2]);
    for (from, to) in [("Lowercase", "Precompiled"), ("WhitespaceSplit", "Metaspace"), ("[!-", "[[!-")] {
        assert_eq!(read(&small.replace(from, to)).unwrap_err().code(), "invalid-json", "{to}");
    }
    let moved = small.replace("\"id\":0", "\"id\":5");
    assert_ne!(moved, small);
    assert_eq!(read(&moved).unwrap_err().code(), "corrupt-file");
    let short = Tokenizer::from_json(small.as_bytes(), "tokenizer.json", CaptionCleaning::Plain, 1);
    assert_eq!(short.unwrap_err().code(), "invalid-config");
}

#[test]
fn whole_words_get_the_ids_between_padding_and_start() {
    // [PAD] [UNK] a man dog runs left - of <|startoftext|> <|endoftext|>
    let tokenizer = small();
    assert_eq!((tokenizer.vocab_size(), tokenizer.end_id()), (11, Some(10)));
    assert_eq!(tokenizer.encode_ids(" A  DOG\tleft-of a cat.").unwrap(), [2, 4, 6, 7, 8, 2, 1, 1]);
    let rows = tokenizer.encode(&["man runs", "a a a a a a a"]).unwrap();
    assert_eq!((rows.rows, rows.context), (2, 8));
    assert_eq!(rows.ids, [9, 3, 5, 10, 0, 0, 0, 0, 9, 2, 2, 2, 2, 2, 2, 10]);
    assert!(matches!(tokenizer.check(&["\u{3000} \n"]), Err(Error::EmptyCaption { index: 0 })));
    assert_eq!(tokenizer.encode(&[] as &[&str]).unwrap().rows, 0);
}

#[test]
fn a_spelled_special_token_counts_unless_punctuation_swallows_it() {
    let ids = |text| CLIP.encode_ids(text).unwrap();
    assert_eq!(ids("<|endoftext|><|startoftext|>"), [49_407, 49_406]);
    assert_eq!(ids("dog<|ENDOFTEXT|>"), [ids("dog"), vec![49_407]].concat());
    assert!(!ids("!<|endoftext|>").contains(&49_407));
    // The underscore is punctuation for CLIP's pattern.
    assert!(!ids("_<|endoftext|>").contains(&49_407));
}

#[test]
fn ten_thousand_captions_take_no_minute() {
    let captions: Vec<String> =
        (0..10_000).map(|i| format!("A man rides horse {i} past the café’s red door")).collect();
    let begin = std::time::Instant::now();
    assert_eq!(CLIP.encode(&captions).unwrap().ids.len(), 320_000);
    let seconds = begin.elapsed().as_secs_f64();
    println!("10,000 captions in {seconds:.2} s");
    assert!(seconds < 60.0, "{seconds} s");
}

fn damaged_text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<String>(),
        "[ -~]{0,12}",
        "[\u{80}-\u{ff}€“”™ƒ†Œœ\u{2019}\u{201a}]{0,12}",
        "(&#?[0-9a-zA-Z]{0,8};?){0,3}",
        "[<|endoftx>!a_ ]{0,24}",
        Just("<|endoftext|>".to_owned()),
    ];
    proptest::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_becomes_rows_of_known_ids(text in damaged_text()) {
        let small = small();
        for tokenizer in [&*CLIP, &small] {
            let limit = i32::try_from(tokenizer.vocab_size()).unwrap();
            let context = tokenizer.context_length();
            let row = tokenizer.encode(&[&text]).unwrap();
            prop_assert_eq!((row.rows, row.ids.len()), (1, context));
            prop_assert!(row.ids.iter().all(|id| (0..limit).contains(id)));
            prop_assert!(tokenizer.end_id().is_some_and(|end| row.ids.contains(&end)));
            prop_assert_eq!(tokenizer.check(&[&text]).is_err(), tokenizer.clean(&text).is_empty());
        }
        let cleaned = clean_clip(&text);
        prop_assert_eq!(cleaned.trim(), &cleaned);
        prop_assert!(pre_text(&text, Some(3)).split(' ').count() <= 3);
    }
}
