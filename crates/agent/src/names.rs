//! Names for mappings that were given none: two words and a number, easy to read out.

use rand::RngExt as _;

const FIRST: &[&str] = &[
    "amber", "bold", "brave", "brisk", "calm", "clear", "clever", "cool", "coral", "crisp", "dry", "eager",
    "early", "fair", "fast", "fine", "fond", "fresh", "gentle", "glad", "gold", "grand", "green", "happy",
    "jolly", "keen", "kind", "late", "light", "lively", "lucky", "merry", "mild", "neat", "new", "noble",
    "olive", "plain", "proud", "pure", "quick", "quiet", "rapid", "ready", "rosy", "sharp", "shy", "silver",
    "smart", "soft", "solid", "spare", "still", "sunny", "sure", "swift", "tidy", "tiny", "true", "warm",
    "wide", "wild", "wise", "young",
];

const SECOND: &[&str] = &[
    "acorn", "anchor", "apple", "badger", "basil", "beach", "birch", "bridge", "brook", "cabin", "canoe",
    "cedar", "cliff", "cloud", "comet", "crane", "creek", "daisy", "delta", "dune", "eagle", "elm", "ember",
    "falcon", "fern", "field", "finch", "fjord", "fox", "garden", "glade", "harbor", "hazel", "heron",
    "hill", "island", "lake", "lark", "lemon", "linden", "lotus", "maple", "meadow", "mint", "moss", "ocean",
    "otter", "owl", "pebble", "pine", "pond", "raven", "reef", "ridge", "river", "robin", "sage", "sky",
    "spruce", "stone", "tulip", "valley", "willow", "wren",
];

/// One of about four million names. Chance only spreads the names; it guards nothing.
pub fn random_name() -> String {
    let mut rng = rand::rng();
    let first = FIRST[rng.random_range(..FIRST.len())];
    let second = SECOND[rng.random_range(..SECOND.len())];
    format!("{first}-{second}-{}", rng.random_range(10..1000))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_random_name_is_a_valid_one() {
        for word in super::FIRST.iter().chain(super::SECOND) {
            assert!(crate::mapping::parse_name(word).is_ok(), "{word}");
        }
        let name = super::random_name();
        assert_eq!(crate::mapping::parse_name(&name).unwrap(), name);
    }
}
