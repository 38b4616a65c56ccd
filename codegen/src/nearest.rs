/// The known name that is closest to a wrong one, if one is close enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(name, wrong);
    let ranked = known.into_iter().map(|name| (likeness(name), name));
    let best = ranked.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(likeness, _)| *likeness > CLOSE).map(|(_, name)| name)
}

/// Jaro-Winkler: a letter wrong in a short word is well above it.
const CLOSE: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_a_close_name_is_meant() {
        assert_eq!(nearest("grete", ["greet", "greeted", "ban"]), Some("greet"));
        assert_eq!(nearest("weather", ["greet", "ban"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
