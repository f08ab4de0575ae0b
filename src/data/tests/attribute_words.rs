//! Captions as region captioners write them, with the attributes that a reader of them names.

use super::*;

/// `kind word` of each attribute, sorted; `color -` where several colours are told.
fn told(tagger: &AttributeTagger, caption: &str) -> Vec<String> {
    let told = tagger.attributes(caption).into_iter();
    let mut told: Vec<String> =
        told.map(|(kind, word)| format!("{kind} {}", word.unwrap_or_else(|| "-".to_owned()))).collect();
    told.sort();
    told
}

fn check(cases: &[(&str, &[&str])]) {
    let tagger = AttributeTagger::new(Negatives::built_in());
    let wrong: Vec<String> = cases
        .iter()
        .map(|(caption, expected)| (caption, told(&tagger, caption), expected))
        .filter(|(_, told, expected)| told != *expected)
        .map(|(caption, told, expected)| format!("{caption:?}: {told:?}, not {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn what_stands_before_the_noun_is_its_attribute() {
    check(&[
        ("a brown dog", &["color brown"]),
        ("A Brown Dog.", &["color brown"]),
        ("the small white cup on the table", &["color white", "size small"]),
        ("a large, brown horse", &["color brown", "size large"]),
        ("two black dogs", &["color black"]),
        ("a very large elephant in the water", &["size large"]),
        ("young man riding a wave", &[]),
        ("his left arm", &["position left"]),
        ("the left hand of the man", &["position left"]),
        ("the middle zebra", &["position middle"]),
        ("the man on the right bike", &[]),
        ("front wheel of a motorcycle", &["position front"]),
        ("an orange cat", &["color orange"]),
        ("a silver car parked on the street", &["color silver"]),
        ("a gold ring", &["color gold"]),
        ("the grey cat", &["color grey"]),
        ("a beige sofa", &["color beige"]),
        ("tan dog", &["color tan"]),
        ("a skinny boy", &["size skinny"]),
        ("a standing brown bear", &["color brown"]),
        ("a pair of red shoes", &["color red"]),
        ("a large group of small dogs", &["size small"]),
        ("a close up of a black cat", &["color black"]),
        ("there is a tall man", &["size tall"]),
        ("this is a green frog", &["color green"]),
        ("it's a blue bird", &["color blue"]),
    ]);
}

#[test]
fn what_is_said_of_something_else_is_not() {
    check(&[
        ("a woman wearing a red shirt", &[]),
        ("a man in a blue jacket holding a white cup", &[]),
        ("a brown dog wearing a red collar", &["color brown"]),
        ("holding a red ball", &[]),
        ("the dog's brown tail", &["color brown"]),
        ("the red car's wheel", &[]),
        ("the girls' white dresses", &["color white"]),
        ("a boy with black hair", &[]),
        ("a red-haired woman", &[]),
        ("a short red haired woman", &["size short"]),
        ("a red long-haired dog", &["color red"]),
        ("a long-sleeved blue shirt", &["color blue"]),
        ("person next to a green car", &[]),
        ("the dog is behind a white fence", &[]),
        ("a white bed", &["color white"]),
    ]);
}

#[test]
fn a_word_that_is_no_attribute_by_its_class_does_not_count() {
    check(&[
        ("the man left", &[]),
        ("the man left the room", &[]),
        ("the man is left alone", &[]),
        ("an orange on a plate", &[]),
        ("a peeled orange", &[]),
        ("a green orange", &["color green"]),
        ("the fruit is an orange", &[]),
        ("turn right", &[]),
        ("the dog is right behind the cat", &[]),
        ("a boy close to the wall", &[]),
        ("a light on the ceiling", &[]),
        ("a light pole on the street", &[]),
        ("the traffic light", &[]),
        ("the top of the cake", &[]),
        ("the back of a bus", &[]),
        ("a cone of ice cream", &[]),
        ("a serious man", &[]),
        ("a wooden handmade chair", &[]),
        ("", &[]),
        ("...", &[]),
        ("brown", &[]),
    ]);
}

#[test]
fn what_follows_a_form_of_be_is_said_of_the_noun() {
    check(&[
        ("the dog is brown", &["color brown"]),
        ("the shirt is grey", &["color grey"]),
        ("the cat is orange", &["color orange"]),
        ("the grass is green and short", &["color green", "size short"]),
        ("the dog that is black", &["color black"]),
        ("a bus which is very long", &["size long"]),
        ("the large dog is white", &["color white", "size large"]),
        ("the sky looks blue", &["color blue"]),
        ("the animal is a small brown dog", &["color brown", "size small"]),
        ("he is wearing a red hat", &[]),
        ("the dog is running on green grass", &[]),
    ]);
}

#[test]
fn colours_of_several_words_are_one_and_several_colours_are_none() {
    check(&[
        ("a dark red car", &["color red"]),
        ("a dark-red car", &["color red"]),
        ("light brown wooden table", &["color brown"]),
        ("the sky is bright blue", &["color blue"]),
        ("a deep blue vase", &["color blue"]),
        ("a navy blue suit", &["color blue"]),
        ("a dark dog", &["color dark"]),
        ("a light colored dog", &["color light"]),
        ("a light-colored dog", &["color light"]),
        ("a brown colored dog", &["color brown"]),
        ("a medium-sized dog", &["size medium"]),
        ("a black and white cow", &["color -"]),
        ("a black-and-white cow", &["color -"]),
        ("the bird is blue and yellow", &["color -"]),
        ("the small dog is white and brown", &["color -", "size small"]),
        ("a red, white and blue flag", &["color -"]),
    ]);
}

#[test]
fn places_are_those_in_the_picture() {
    check(&[
        ("a man standing on the left", &["position left"]),
        ("a woman on the right side of the image", &["position right"]),
        ("the boy on the far left", &["position left"]),
        ("a car in the background", &["position background"]),
        ("the dog is sitting in the middle", &["position middle"]),
        ("the dog in the middle of the picture", &["position middle"]),
        ("the zebra in the middle of the road", &[]),
        ("a dog running to the right of a car", &[]),
        ("a sign on the front of the bus", &[]),
        ("an upside-down car", &["position upside-down"]),
        ("the left-hand door", &["position left"]),
    ]);
}

#[test]
fn the_words_are_those_of_the_table() {
    let own = r#"{"attributes": {"material": {"wooden": ["metal"]}, "color": {"umber": ["blue"]}}, "predicates": {}}"#;
    let tagger = AttributeTagger::new(&Negatives::from_json(own, "own").unwrap());
    assert_eq!(told(&tagger, "a small wooden umber chair"), ["color umber", "material wooden"]);
    assert_eq!(told(&tagger, "the chair is wooden"), ["material wooden"]);
    // Every word of the built-in table is an attribute where only an adjective can stand.
    let table = Negatives::built_in();
    let tagger = AttributeTagger::new(table);
    let missed: Vec<&String> = table
        .attributes
        .iter()
        .flat_map(|(kind, words)| words.keys().map(move |word| (kind, word)))
        .filter(|(kind, word)| told(&tagger, &format!("a {word} dog")) != [format!("{kind} {word}")])
        .map(|(_, word)| word)
        .collect();
    assert_eq!(missed, ["light", "near", "medium"], "nouns and a preposition");
}

#[test]
fn captions_with_odd_characters_are_read() {
    let tagger = AttributeTagger::new(Negatives::built_in());
    assert_eq!(told(&tagger, "“a\u{a0}brown\u{2010}colored dog”"), ["color brown"]);
    assert_eq!(told(&tagger, "ein großer Hund – \u{1f415}"), Vec::<String>::new());
    assert_eq!(told(&tagger, "- ' 's , and"), Vec::<String>::new());
}
