use super::*;

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Mapping(entries) => entries,
        other => panic!("not a mapping: {other:?}"),
    }
}

#[test]
fn keys_and_values_remember_where_they_stood() {
    let document = parse("# a comment\ndetect:\n  smooth: 2 # another\n  stop_on: [a, 'b']\n").unwrap();
    let detect = &entries(&document.root)[0];
    assert_eq!((detect.key.as_str(), detect.at.to_string()), ("detect", "2:1".to_owned()));
    let [smooth, stop_on] = entries(&detect.node) else { panic!() };
    assert_eq!(smooth.at.to_string(), "3:3");
    assert_eq!(smooth.node.at.to_string(), "3:11");
    let Value::Sequence(kinds) = &stop_on.node.value else { panic!() };
    assert_eq!(kinds[1].at.to_string(), "4:16");
    let (text, quoted) = ("b".to_owned(), true);
    assert_eq!(kinds[1].value, Value::Scalar(Scalar { text, quoted }));
}

#[test]
fn an_empty_document_is_an_empty_value() {
    for text in ["", "\n", "# only a comment\n", "---\n", "---\n...\n"] {
        let document = parse(text).unwrap();
        let Value::Scalar(scalar) = &document.root.value else { panic!("{text:?}") };
        assert!(scalar.is_null(), "{text:?}");
    }
}

#[test]
fn a_syntax_error_has_its_line_and_column() {
    let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
    let YamlError::Syntax { at, .. } = &error else { panic!("{error:?}") };
    assert!(at.line >= 2, "{error}");
    assert!(matches!(parse("\"never closed"), Err(YamlError::Syntax { .. })));
    assert!(matches!(parse("a: *unknown"), Err(YamlError::Syntax { .. })));
}

#[test]
fn duplicates_are_all_found_with_both_places() {
    let document = parse("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\na: 3\n").unwrap();
    let found: Vec<String> =
        document.duplicates.iter().map(|twice| format!("{} {} {}", twice.path, twice.first, twice.again)).collect();
    assert_eq!(found, ["b.c 3:3 5:3", "a 1:1 6:1", "a 1:1 7:1"]);
}

#[test]
fn an_alias_stands_for_its_anchor() {
    let document = parse("a: &x {b: 1}\nc: *x\n").unwrap();
    let [a, c] = entries(&document.root) else { panic!() };
    assert_eq!(a.node.value, c.node.value);
    assert_eq!(c.node.at.to_string(), "2:4");
}

#[test]
fn an_alias_bomb_is_refused_before_it_is_copied() {
    let tenfold = |level: usize| {
        let inner = if level == 0 { "x".to_owned() } else { format!("*a{}", level - 1) };
        format!("a{level}: &a{level} [{}]\n", vec![inner; 10].join(", "))
    };
    let bomb: String = (0..=12).map(tenfold).collect();
    assert!(matches!(parse(&bomb), Err(YamlError::TooLarge { .. })));
}

#[test]
fn a_bomb_of_long_text_is_refused_too() {
    let aliases = "- *a\n".repeat(100);
    let bomb = format!("- &a {}\n{aliases}", "x".repeat(MAX_BYTES / 2));
    assert!(matches!(parse(&bomb), Err(YamlError::TooLarge { .. })));
}

#[test]
fn an_alias_cannot_hold_itself() {
    assert!(matches!(parse("a: &a [*a]"), Err(YamlError::Unsupported { .. })));
}

#[test]
fn length_depth_and_number_are_bounded() {
    assert!(matches!(parse(&"#".repeat(MAX_BYTES + 1)), Err(YamlError::TooLong { .. })));
    let deep = format!("{}{}", "[".repeat(MAX_DEPTH + 2), "]".repeat(MAX_DEPTH + 2));
    assert!(matches!(parse(&deep), Err(YamlError::TooDeep { .. })));
    assert!(parse(&"[".repeat(10_000)).is_err());
    assert!(matches!(parse(&"- x\n".repeat(MAX_NODES + 1)), Err(YamlError::TooLarge { .. })));
}

#[test]
fn what_a_settings_file_does_not_need_is_refused_by_name() {
    for text in ["a: !!str 5", "a: 1\n---\nb: 2\n", "[a, b]: 1", "{a: 1}: 1"] {
        let error = parse(text).unwrap_err();
        assert!(matches!(error, YamlError::Unsupported { .. }), "{text:?}: {error}");
    }
}

#[test]
fn only_unquoted_words_mean_nothing() {
    for (text, nothing) in [("a: ", true), ("a: ~", true), ("a: null", true), ("a: ''", false), ("a: 'null'", false)] {
        let document = parse(text).unwrap();
        let Value::Scalar(scalar) = &entries(&document.root)[0].node.value else { panic!() };
        assert_eq!(scalar.is_null(), nothing, "{text:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-c:\\-\\[\\]{},&*!|>'\"#%?~ \\t\\n\u{feff}\u{e9}\\\\]|<<|---|: |- |\\n  ){0,60}") {
        let _ = parse(&text);
    }
}
