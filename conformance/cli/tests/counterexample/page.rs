//! The page, opened in headless Chromium and played: by its buttons, its keys, its slider and its address.
//!
//! Chromium is looked for as `chromium` and `chromium-browser`, or where the variable CHROMIUM says. Without it these
//! tests can say nothing: they print that they were skipped, and fail where FIGURE2_REQUIRE_CHROMIUM is set.

use crate::fixture::trace_report;
use figure2_cli::counterexample::html;
use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

/// Flags that keep Chromium to the page: no sandbox because tests may run as root in a container, and no network.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--dump-dom",
];

/// Appended to the page: uses it as a person would, and writes down what is then to be seen.
const DRIVER: &str = r##"
<script>
window.addEventListener("load", () => {
  const log = [];
  const see = (what) => {
    const shown = [...document.querySelectorAll(".step-panel")].filter((panel) => panel.offsetHeight > 0);
    const marked = new Set([...document.querySelectorAll(".space-time .step.now")].map((mark) => mark.dataset.step));
    const slider = document.getElementById("slider");
    log.push([what, shown.map((panel) => panel.id).join(","), [...marked].join(",") || "-", slider.value,
      document.getElementById("position").textContent].join(" | "));
  };
  const press = (id) => document.getElementById(id).click();
  const key = (name) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  const last = Number(document.getElementById("slider").max);
  see("opened");
  for (let i = 0; i < last; i += 1) { press("next"); see("next"); }
  see("nothing after the last: " + document.getElementById("next").disabled);
  press("previous"); see("previous");
  press("first"); see("first");
  press("last"); see("last");
  key("Home"); see("Home");
  key("ArrowRight"); see("ArrowRight");
  key("ArrowRight"); see("ArrowRight");
  key("ArrowLeft"); see("ArrowLeft");
  key("End"); see("End");
  const slider = document.getElementById("slider");
  slider.value = "2";
  slider.dispatchEvent(new Event("input"));
  see("slider");
  document.querySelector(".space-time [data-step='3'] .band").dispatchEvent(new MouseEvent("click", { bubbles: true }));
  see("diagram");
  location.hash = "#step-1";
  setTimeout(() => {
    see("address");
    press("first");
    key(" ");
    setTimeout(() => {
      see("played");
      log.push("loaded | " + performance.getEntriesByType("resource").length);
      const driven = document.createElement("pre");
      driven.id = "driven";
      driven.textContent = log.join("\n");
      document.body.append(driven);
    }, 1500 * last + 500);
  }, 100);
});
</script>
"##;

/// Chromium, if it is here. Says so when it is not.
fn chromium() -> Option<OsString> {
    let chosen = std::env::var_os("CHROMIUM").into_iter();
    let usual = ["chromium", "chromium-browser"].into_iter().map(OsString::from);
    let starts = |program: &OsString| {
        let version =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    let found = chosen.chain(usual).find(starts);
    if found.is_none() {
        let required = std::env::var_os("FIGURE2_REQUIRE_CHROMIUM").is_some();
        assert!(!required, "FIGURE2_REQUIRE_CHROMIUM is set, and there is no Chromium to open the page in");
        // Not by eprintln!, which the test harness keeps to itself when a test passes.
        let skipped: &[u8] =
            b"SKIPPED: there is no Chromium, so the page was not opened in one (Debian: apt-get install chromium)\n";
        std::io::stderr().write_all(skipped).unwrap();
    }
    found
}

/// Opens a page with the fragment, and returns the document as it is `milliseconds` of the page's time later.
fn open(program: &OsString, name: &str, page: &str, fragment: &str, milliseconds: u64) -> String {
    let directory = tempfile::Builder::new().prefix(name).tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = directory.path().join("trace.html");
    std::fs::write(&file, page).unwrap();
    let profile = directory.path().join("profile");
    let output = Command::new(program)
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--virtual-time-budget={milliseconds}"))
        .arg(format!("file://{}{fragment}", file.display()))
        // Chromium leaves files there, too.
        .env("TMPDIR", directory.path())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    directory.close().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_page_steps_by_buttons_keys_slider_diagram_address_and_by_itself() {
    let Some(program) = chromium() else { return };
    let report = trace_report();
    let last = report.trace.steps.len();
    let page = html(&report).replace("</body>", &format!("{DRIVER}</body>"));
    let document = open(&program, "driven", &page, "", 1_500 * last as u64 + 10_000);
    let (_, rest) = document.split_once("<pre id=\"driven\">").expect("the driver did not come to its end");
    let driven: Vec<&str> = rest.split_once("</pre>").unwrap().0.lines().collect();

    let mut steps: Vec<(&str, usize)> = vec![("opened", 0)];
    steps.extend((1..=last).map(|step| ("next", step)));
    steps.extend([
        ("nothing after the last: true", last),
        ("previous", last - 1),
        ("first", 0),
        ("last", last),
        ("Home", 0),
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("End", last),
        ("slider", 2),
        ("diagram", 3),
        ("address", 1),
        ("played", last),
    ]);
    let expected = steps.into_iter().map(|(what, step)| {
        let marked = if step == 0 { "-".to_owned() } else { step.to_string() };
        format!("{what} | step-{step} | {marked} | {step} | step {step} of {last}")
    });
    let expected: Vec<String> = expected.chain(["loaded | 0".to_owned()]).collect();
    assert_eq!(driven, expected);
}

#[test]
fn an_address_with_a_step_opens_the_page_there() {
    let Some(program) = chromium() else { return };
    let report = trace_report();
    let last = report.trace.steps.len();
    let document = open(&program, "address", &html(&report), &format!("#step={last}"), 2_000);
    assert!(
        document.contains(&format!("data-step=\"{last}\" class=\"playing\""))
            || document.contains(&format!("class=\"playing\" data-step=\"{last}\""))
    );
    let panel = document.split_once(&format!("id=\"step-{last}\"")).unwrap().1;
    let opening = panel.split_once('>').unwrap().0;
    assert!(!opening.contains("hidden"), "{opening}");
    assert!(panel.contains("This step breaks: election safety"));
    let before = document.split_once("id=\"step-1\"").unwrap().1.split_once('>').unwrap().0;
    assert!(before.contains("hidden"), "{before}");
}
