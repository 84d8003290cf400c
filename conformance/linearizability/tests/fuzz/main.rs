//! No input makes a reader of histories panic or go on for ever, or take memory beyond a small multiple of its size. The
//! targets run as ordinary tests on stable; `cargo bolero test` goes on with a fuzzer's feedback. What was found once is
//! kept in `corpus`, and is tried each time, as are the histories of `tests/inputs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use figure2_linearizability::{Format, Model, Progress, Question, Reading, examine, read};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes of memory that a byte of input may take: an element of a vector is two bytes, and a value of three words.
const MULTIPLE: usize = 80;
/// What a reader takes whatever the input is: the window that it reads through.
const FLOOR: usize = 1 << 20;

/// The peak is that of the whole process: one target at a time.
static ONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the input in every format and model, and looks at the memory that takes.
fn try_all(input: &[u8]) {
    let formats = [None, Some(Format::Edn), Some(Format::Json), Some(Format::Text), Some(Format::Log)];
    for format in formats {
        try_one(input, Reading { format, ..Reading::default() });
    }
    for model in
        [Model::Register, Model::Versioned, Model::Mutex, Model::Set, Model::Counter, Model::Transactions]
    {
        try_one(input, Reading { model: Some(model), ..Reading::default() });
    }
}

fn try_one(input: &[u8], reading: Reading) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let history = read(input, &reading);
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let most = FLOOR + MULTIPLE * input.len();
    assert!(taken <= most, "{taken} bytes for an input of {}: {reading:?}", input.len());
    // What is read can be judged, within limits.
    if let Ok(history) = history
        && history.operations.len() <= 64
    {
        let question = Question::default();
        let _ = examine(&history, &question, &Progress::default());
    }
}

/// The inputs that are kept.
fn kept() -> Vec<Vec<u8>> {
    let tests: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests"].iter().collect();
    let mut files: Vec<PathBuf> = ["inputs", "fuzz/corpus"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(tests.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[test]
fn what_is_kept() {
    let _alone = alone();
    let kept = kept();
    assert!(kept.len() > 25);
    for input in &kept {
        try_all(input);
        // Cut anywhere, and with any byte gone or another.
        for at in (0..input.len()).step_by(1 + input.len() / 60) {
            try_all(&input[..at]);
            for byte in [None, Some(b'"'), Some(b'\\'), Some(b'#'), Some(b']'), Some(0xff)] {
                let mut changed = input[..at].to_vec();
                changed.extend(byte);
                changed.extend(&input[at + 1..]);
                try_all(&changed);
            }
        }
    }
}

#[test]
fn any_bytes() {
    let _alone = alone();
    bolero::check!().with_iterations(300).with_type::<Vec<u8>>().for_each(|bytes| try_all(bytes));
}

/// Histories that are kept, cut and glued at places that are drawn.
#[test]
fn spliced_histories() {
    let _alone = alone();
    let kept = kept();
    bolero::check!().with_iterations(300).with_type::<Vec<(u8, u16, u16)>>().for_each(|pieces| {
        let mut input = Vec::new();
        for &(file, from, to) in pieces {
            let text = &kept[usize::from(file) % kept.len()];
            let (from, to) = (usize::from(from) % (text.len() + 1), usize::from(to) % (text.len() + 1));
            input.extend(&text[from.min(to)..from.max(to)]);
        }
        try_all(&input);
    });
}

/// What histories are made of, in an order that is drawn, and the whole over and over.
#[test]
fn words_in_any_order() {
    let _alone = alone();
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "\"",
        "\\",
        ";",
        "#",
        "^",
        "#_",
        "#{",
        "##",
        "#\"",
        "#<",
        "#:a",
        "'",
        "\n",
        "\t",
        " ",
        ",",
        ":",
        "nil",
        "null",
        "0",
        "1",
        "-1",
        "1/2",
        "0x1f",
        "12N",
        "1e9",
        "[k 1]",
        "[k [1 2]]",
        "[1 [nil 3]]",
        ":process 0 ",
        ":type :invoke ",
        ":type :ok ",
        ":type :info ",
        ":f :read ",
        ":f :write ",
        ":f :cas ",
        ":f :add ",
        ":f :acquire ",
        ":f :txn ",
        ":value ",
        ":value nil ",
        ":value 1 ",
        ":value [[:read x nil]] ",
        ":key 1 ",
        ":index 1 ",
        ":time -1 ",
        ":error #error {",
        ":a ",
        "\"process\": 0, ",
        "\"type\": \"invoke\", ",
        "\"type\": \"ok\", ",
        "\"f\": \"read\", ",
        "\"value\": 1 ",
        "0\t:invoke\t:read\tnil\n",
        "0\t:ok\t:read\t1\n",
        "INFO jepsen.util - ",
        "#object[A 0x1 \"b\"]",
        "\u{feff}",
        "\u{e9}",
        "\\u0041",
        "\\newline ",
        "{:process 0, :type :invoke, :f :read, :value nil}\n",
        "{:process 0, :type :ok, :f :read, :value [0 1]}\n",
    ];
    bolero::check!().with_iterations(400).with_type::<(Vec<u8>, u16)>().for_each(|(words, times)| {
        let text: String = words.iter().map(|&word| WORDS[usize::from(word) % WORDS.len()]).collect();
        let times = 1 + usize::from(*times) % (1 + (64 << 10) / text.len().max(1));
        try_all(text.repeat(times).as_bytes());
    });
}

/// One word over and over, a quarter of a megabyte of it: what is nested, what is never closed, what is many.
#[test]
fn one_word_over_and_over() {
    let _alone = alone();
    let begun = "{:process 0, :type :ok, :f :read, :value ";
    for word in [
        "[",
        "(",
        "{",
        "#{",
        "^",
        "#_",
        "#a ",
        "'",
        "#?(",
        "#<",
        "\\",
        "\"",
        "\\\"",
        "1 ",
        "nil ",
        "\"\" ",
        "[] ",
        ":a ",
        "{:a 1} ",
        ":a 1 ",
        "##",
        "\n",
        ";\n",
        "#_ 1 ",
        "^a ",
        "{\"a\":",
        "[1,",
        "0\t:invoke\t:read\tnil\n",
    ] {
        let many = word.repeat((256 << 10) / word.len());
        for input in
            [many.clone(), format!("{begun}{many}"), format!("{begun}[{many}]}}"), format!("{begun}{many}}}")]
        {
            try_all(input.as_bytes());
        }
        let fields: String = (0..20_000).map(|number| format!("{word}{number} 1 ")).collect();
        try_all(format!("{{{fields}}}").as_bytes());
    }
}

/// The same text over and over, made as it is read.
struct Repeated {
    text: Vec<u8>,
    at: usize,
    left: usize,
}

impl Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() && self.left > 0 {
            let count = (self.text.len() - self.at).min(buffer.len() - read);
            buffer[read..read + count].copy_from_slice(&self.text[self.at..self.at + count]);
            read += count;
            self.at = (self.at + count) % self.text.len();
            self.left -= usize::from(self.at == 0);
        }
        Ok(read)
    }
}

/// Of a history no more is held than its longest form, and its operations: here a hundredth of it.
#[test]
fn a_long_history_is_read_through_a_window() {
    let _alone = alone();
    let error = "x".repeat(100_000);
    let edn = format!(
        "{{:process 0, :type :invoke, :f :write, :value 1}}\n{{:process 0, :type :ok, :f :write, :value 1, :error #error {{:cause {error:?}}}}}\n"
    );
    let json = format!(
        "{{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":1}},\n{{\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"value\":1,\"error\":{error:?}}},\n"
    );
    for (text, around) in [(&edn, ""), (&edn, "("), (&json, "")] {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let body = Repeated { text: text.clone().into_bytes(), at: 0, left: 640 };
        let end: &[u8] = if around.is_empty() { b"" } else { b")" };
        let history = read(around.as_bytes().chain(body).chain(end), &Reading::default()).unwrap();
        let taken = MEMORY.peak_usage().saturating_sub(before);
        assert!(history.bytes > 64_000_000 && history.operations.len() == 640);
        assert!(taken < 3 << 20, "{taken} bytes for a history of {}", history.bytes);
    }
}

/// A long history of short operations: what is kept of it is less than half of the file.
#[test]
fn operations_wait_for_their_turn_in_less_memory_than_they_were_written_in() {
    let _alone = alone();
    let events = |key: usize| {
        format!(
            "{{:process 0, :type :invoke, :f :write, :value [{key} 1]}}\n{{:process 0, :type :ok, :f :write, :value [{key} 1]}}\n"
        )
    };
    let text: String = (0..10).map(events).collect();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let body = Repeated { text: text.into_bytes(), at: 0, left: 30_000 };
    let history = read(body, &Reading::default()).unwrap();
    let (peak, kept) = (MEMORY.peak_usage() - before, MEMORY.current_usage() - before);
    assert_eq!(history.operations.len(), 300_000);
    assert!(kept < 40 * 300_000, "{kept} bytes kept of {}", history.bytes);
    assert!(peak < FLOOR + 2 * 40 * 300_000, "{peak} bytes at once for {}", history.bytes);
}
