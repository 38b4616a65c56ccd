//! Both SDKs against the test vectors, in their guests: every value comes back byte for byte, and malformed bytes have the
//! same kind of error in both languages and leave the service alive.

use crate::support::TestNode;

const BYTES: &str = include_str!("../../../../codegen/tests/vectors/bytes.txt");
const MALFORMED: &str = include_str!("../../../../codegen/tests/vectors/malformed.txt");

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split(' ').collect())
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_value_comes_back_byte_for_byte() {
    let node = TestNode::boot_with_starlingmonkey().await;
    for name in ["vectors-rust", "vectors-ts", "vectors-starling"] {
        let mut count = 0;
        for line in lines(BYTES) {
            let (function, bytes) = (line[0], unhex(line[1]));
            let back = node.raw_call(name, node.key(name, function), bytes.clone()).await;
            assert_eq!(back, Ok(bytes), "{name}: {line:?}");
            count += 1;
        }
        assert!(count >= 150, "{count} values");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_bytes_have_the_same_kind_of_error_in_both_languages() {
    let node = TestNode::boot_with_starlingmonkey().await;
    for name in ["vectors-rust", "vectors-ts", "vectors-starling"] {
        let mut inputs: Vec<(&str, Vec<u8>, &str)> =
            lines(MALFORMED).map(|line| (line[0], unhex(line[1]), line[2])).collect();
        // Every prefix of every value; of long ones the first and last.
        for line in lines(BYTES) {
            let bytes = unhex(line[1]);
            let ends = (0..bytes.len()).filter(|end| *end < 40 || end + 4 > bytes.len());
            inputs.extend(ends.map(|end| (line[0], bytes[..end].to_vec(), "truncated")));
        }
        for (function, bytes, kind) in inputs {
            let what = format!("{name}: {function} {bytes:02x?}");
            let error =
                node.raw_call(name, node.key(name, function), bytes).await.expect_err(&what).to_string();
            let place = if kind == "trailing" { "the arguments" } else { "v" };
            assert_eq!(error, format!("malformed: vectors.{function}: {place}: {kind}"), "{what}");
        }
    }
    node.stop().await;
}
